// SPDX-License-Identifier: GPL-2.0
/*
 * The data connections of a start: one carrier for all of a disk's.  Receiver and module are the test's own here.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "dmmigrate/attach.h"
#include "dmmigrate/start.h"

#define CONNS	4u

/* What the kernel of this host can do, connection by connection. */
static bool kernel_can[CONNS];
static u32 nr_connected, nr_attached;
static u32 security[CONNS];		/* as the module was told */

typeof(dmm_client_connect) __wrap_dmm_client_connect;
typeof(dmm_client_hello) __wrap_dmm_client_hello;
typeof(dmm_client_request) __wrap_dmm_client_request;
typeof(dmm_tool_nl) __wrap_dmm_tool_nl;
typeof(dmm_nl_do) __wrap_dmm_nl_do;

/* As dmm_tls_connect() has it. */
int __wrap_dmm_client_connect(const char *host, u16 port, int timeout_ms, const struct dmm_tls_client *tls,
			      struct dmm_client *c)
{
	bool can = kernel_can[nr_connected++];

	(void)host;
	(void)port;
	(void)timeout_ms;
	memset(c, 0, sizeof(*c));
	c->fd = -1;
	if (!can && tls->carrier == DMM_TLS_KERNEL)
		return -EOPNOTSUPP;
	c->tls.kernel = can && tls->carrier != DMM_TLS_RELAY;
	c->fd = 1000;	/* nobody's, and not to be closed */
	return 0;
}

int __wrap_dmm_client_hello(struct dmm_client *c, const char *program, struct dmm_wire_hello_ok *ok,
			    struct dmm_wire_refuse *refuse)
{
	(void)c;
	(void)program;
	(void)refuse;
	memset(ok, 0, sizeof(*ok));
	return 0;
}

int __wrap_dmm_client_request(struct dmm_client *c, u16 type, const void *payload, u32 bytes, u16 expect, void *reply,
			      u32 reply_bytes, struct dmm_wire_refuse *refuse)
{
	(void)c;
	(void)type;
	(void)payload;
	(void)bytes;
	(void)expect;
	(void)refuse;
	if (reply)
		memset(reply, 0, reply_bytes);
	return 0;
}

int __wrap_dmm_tool_nl(struct dmm_tool *t)
{
	(void)t;
	return 0;
}

int __wrap_dmm_nl_do(struct dmm_nl *nl, const struct dmm_nl_req *req)
{
	(void)nl;
	if (req->cmd == DMM_CMD_ATTACH)
		security[nr_attached++] = req->security;
	return 0;
}

static int start(bool first, bool then)
{
	static struct dmm_start_disk d;
	static struct dmm_start c;
	static struct dmm_tool t;
	u32 i;

	memset(&d, 0, sizeof(d));
	memset(&c, 0, sizeof(c));
	memset(&t, 0, sizeof(t));
	t.args.bandwidth = t.args.barrier_bytes = t.args.barrier_ms = DMM_UNSET;
	d.conns = CONNS;
	c.remote.client.fd = 1000;
	nr_connected = nr_attached = 0;
	for (i = 0; i < CONNS; i++)
		kernel_can[i] = i ? then : first;
	return dmm_start_connect(&t, &c, &d);
}

static void all_are(u32 want)
{
	u32 i;

	assert_int_equal(nr_attached, CONNS);
	for (i = 0; i < CONNS; i++)
		assert_int_equal(security[i], want);
}

static void one_carrier_for_a_disk(void **state)
{
	(void)state;
	assert_int_equal(start(true, true), 0);
	all_are(DMM_SECURITY_TLS);
	assert_int_equal(start(false, false), 0);
	all_are(DMM_SECURITY_RELAY);
	/* the module was loaded meanwhile */
	assert_int_equal(start(false, true), 0);
	all_are(DMM_SECURITY_RELAY);
	/* or cannot any more: said as it is, rather than that the kernel does not take a relay */
	assert_int_equal(start(true, false), DMM_EXIT_TRANSPORT);
	assert_int_equal(nr_attached, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_carrier_for_a_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
