// SPDX-License-Identifier: GPL-2.0
/*
 * A phony source: speaks the wire protocol from userland, well or badly, as
 * its command line says, and fails when the receiver's answer is not the
 * expected one.  `phony` without arguments explains the verbs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fullio.h"
#include "phony.h"

static const char usage[] =
	"Usage: phony HOST:PORT MIGRATION[/DISK] VERB [ARGUMENT...] ...\n"
	"  model FILE            apply every good frame to FILE, in the order sent\n"
	"  identity FILE         say in PREPARE that FILE is the source\n"
	"  refused CODE          the next request must be refused with CODE (a number)\n"
	"  prepare PATH SIZE     ... check, overwrite, lbs-4096, block-N first: flags of it\n"
	"  query | finish | forget | digest OFFSET LENGTH\n"
	"  attach EPOCH          a new data connection\n"
	"  frame OFFSET LENGTH   one good frame\n"
	"  zero OFFSET LENGTH    one zero run\n"
	"  mixed COUNT SPAN      as load, a third of them zero runs\n"
	"  load COUNT SPAN       COUNT random, overlapping frames in the first SPAN bytes\n"
	"  small COUNT SPAN      the same with frames of 512 bytes to 8 KiB\n"
	"  bulk MIB LENGTH       sequential, timed\n"
	"  dribble COUNT         frames byte by byte\n"
	"  pause MS              from now on before each eighth of a frame\n"
	"  drain | barrier | end all acknowledged; flushed; END and closed by the receiver\n"
	"  barrier-only          a barrier whose answer is not awaited\n"
	"  corrupt KIND          crc header seq range edge misaligned magic flags type long empty reserved\n"
	"                        barrier0 barrier-again control end-crc: a bad frame\n"
	"  nack CODE             acknowledgements up to a negative one of CODE, then the end\n"
	"  eof                   the receiver closes\n"
	"  half                  half of a frame, and close\n"
	"  part                  a frame's header and 100 bytes, then go on\n"
	"  raw HEX | hello-raw HEX   bytes on a new connection, before or after HELLO\n"
	"  deaf MS               send frames without ever reading acknowledgements\n"
	"  sleep MS | close | say TEXT\n";

struct phony ph;

__attribute__((format(printf, 1, 2), noreturn))
void phony_die(const char *fmt, ...)
{
	va_list ap;

	fputs("phony: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

void phony_open(struct dmm_client *c)
{
	struct dmm_wire_hello_ok ok;
	struct dmm_wire_refuse refuse;
	int ret;

	dmm_client_close(c);
	ret = dmm_client_connect(ph.to.host, ph.to.port, PHONY_ANSWER_MS, NULL, c);
	if (ret)
		phony_die("connect: %s", strerror(-ret));
	c->timeout_ms = PHONY_ANSWER_MS;
	c->features = DMM_FEATURE_ZERO;
	ret = dmm_client_hello(c, "phony", &ok, &refuse);
	if (ret == -EREMOTEIO && ph.refused == le32_to_cpu(refuse.code)) {
		printf("refused: %s\n", (char *)refuse.text);
		exit(0);
	}
	if (ret)
		phony_die("hello: %s: %s", strerror(-ret),
		    ret == -EREMOTEIO ? (char *)refuse.text : c->why ? c->why : "");
}

/* Sends a request on @c; dies unless it is answered as expected. False: refused, as expected. */
bool phony_request(struct dmm_client *c, u16 type, const void *payload, u32 bytes, u16 expect,
		    void *reply, u32 reply_bytes)
{
	struct dmm_wire_refuse refuse;
	u32 want = ph.refused;
	int ret;

	ph.refused = 0;
	ret = dmm_client_request(c, type, payload, bytes, expect, reply, reply_bytes, &refuse);
	if (ret == -EREMOTEIO) {
		printf("refused: %s\n", (char *)refuse.text);
		if (le32_to_cpu(refuse.code) != want)
			phony_die("refused with %u, expected %u", le32_to_cpu(refuse.code), want);
		dmm_client_close(c);
		return false;
	}
	if (ret)
		phony_die("request %u: %s: %s", type, strerror(-ret), c->why ? c->why : "");
	if (want)
		phony_die("request %u was not refused", type);
	return true;
}

static struct dmm_client *control(void)
{
	if (ph.control.fd < 0)
		phony_open(&ph.control);
	return &ph.control;
}

static void do_prepare(const char *path, const char *size)
{
	struct dmm_wire_prepared ok;
	struct dmm_wire_prepare p;

	if (dmm_parse_size(size, &ph.size))
		phony_die("size %s", size);
	memset(&p, 0, sizeof(p));
	p.id = ph.id;
	p.size_bytes = cpu_to_le64(ph.size);
	p.block_bytes = cpu_to_le32(ph.block);
	p.lbs_bytes = cpu_to_le32(ph.lbs);
	p.conns = cpu_to_le32(1);
	p.flags = cpu_to_le32(ph.flags);
	dmm_text_put(p.source_host, sizeof(p.source_host), "phony");
	dmm_text_put(p.source_path, sizeof(p.source_path), "/dev/phony");
	if (dmm_text_put(p.source_identity, sizeof(p.source_identity), ph.identity) ||
	    dmm_text_put(p.dest_path, sizeof(p.dest_path), path))
		phony_die("too long");
	if (phony_request(control(), DMM_MSG_PREPARE, &p, sizeof(p), DMM_MSG_PREPARED, &ok, sizeof(ok)))
		printf("prepared: size=%llu lbs=%u flags=%u signature=%s\n",
		       le64_to_cpu(ok.size_bytes), le32_to_cpu(ok.lbs_bytes), le32_to_cpu(ok.flags),
		       (char *)ok.signature);
	ph.flags = 0;
}

static void do_query(void)
{
	struct dmm_wire_query_ok q;

	if (phony_request(control(), DMM_MSG_QUERY, &ph.id, sizeof(ph.id), DMM_MSG_QUERY_OK, &q, sizeof(q)))
		printf("query: size=%llu received=%llu barrier=%llu state=%u conns=%u error=%u\n",
		       le64_to_cpu(q.size_bytes), le64_to_cpu(q.received_bytes),
		       le64_to_cpu(q.barrier), le32_to_cpu(q.state), le32_to_cpu(q.conns),
		       le32_to_cpu(q.error));
}

static void do_digest(const char *offset, const char *length)
{
	struct dmm_wire_digest_ok ok;
	struct dmm_wire_digest rq;
	u64 o, l;
	int i;

	if (dmm_parse_size(offset, &o) || dmm_parse_size(length, &l))
		phony_die("digest %s %s", offset, length);
	memset(&rq, 0, sizeof(rq));
	rq.id = ph.id;
	rq.offset_bytes = cpu_to_le64(o);
	rq.length_bytes = cpu_to_le64(l);
	rq.algorithm = cpu_to_le32(DMM_DIGEST_XXH3_128);
	if (!phony_request(control(), DMM_MSG_DIGEST, &rq, sizeof(rq), DMM_MSG_DIGEST_OK, &ok, sizeof(ok)))
		return;
	for (i = 0; i < 16; i++)
		printf("%02x", ok.digest[i]);
	putchar('\n');
}

static int open_model(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		phony_die("%s: %s", path, strerror(errno));
	return fd;
}

/* Runs the verb at argv[0]; returns how many arguments it took, itself included. */
static int run_verb(char **argv, int argc)
{
	const char *verb = argv[0], *one = argc > 1 ? argv[1] : "", *two = argc > 2 ? argv[2] : "";
	u64 v, w;

#define IS(name) (!strcmp(verb, name))
	if (IS("model"))
		return ph.model = open_model(one), 2;
	if (IS("identity"))
		return dmm_disk_identity(one, ph.identity, sizeof(ph.identity)), 2;
	if (IS("refused"))
		return ph.refused = atoi(one), 2;
	if (IS("overwrite"))
		return ph.flags |= DMM_PREPARE_OVERWRITE, 1;
	if (IS("check"))
		return ph.flags |= DMM_PREPARE_CHECK, 1;
	if (IS("lbs-4096"))
		return ph.lbs = 4096, 1;
	if (!strncmp(verb, "block-", 6))
		return ph.block = atoi(verb + 6), 1;
	if (IS("prepare"))
		return do_prepare(one, two), 3;
	if (IS("query"))
		return do_query(), 1;
	if (IS("digest"))
		return do_digest(one, two), 3;
	if (IS("finish"))
		return phony_request(control(), DMM_MSG_FINISH, &ph.id, sizeof(ph.id), DMM_MSG_FINISH_OK,
			       NULL, 0), 1;
	if (IS("forget"))
		return phony_request(control(), DMM_MSG_FORGET, &ph.id, sizeof(ph.id), DMM_MSG_FORGET_OK,
			       NULL, 0), 1;
	if (IS("attach"))
		return phony_attach(one), 2;
	if (IS("frame")) {
		if (dmm_parse_size(one, &v) || dmm_parse_size(two, &w))
			phony_die("frame %s %s", one, two);
		return phony_frame(v, w, false, false), 3;
	}
	if (IS("zero")) {
		if (dmm_parse_size(one, &v) || dmm_parse_size(two, &w))
			phony_die("zero %s %s", one, two);
		return phony_zero(v, w), 3;
	}
	if (IS("load"))
		return phony_load(one, two, 128 << 10, false), 3;
	if (IS("small"))
		return phony_load(one, two, 8 << 10, false), 3;
	if (IS("mixed"))
		return phony_load(one, two, 128 << 10, true), 3;
	if (IS("bulk"))
		return phony_bulk(one, two), 3;
	if (IS("dribble")) {
		for (v = atoi(one); v; v--)
			phony_frame(v * 4096, 1024, true, false);
		return 2;
	}
	if (IS("pause"))
		return ph.pause_ms = atoi(one), 2;
	if (IS("drain"))
		return phony_window(0), 1;
	if (IS("barrier"))
		return phony_barrier(), 1;
	if (IS("barrier-only"))
		return phony_barrier_only(), 1;
	if (IS("barrier-behind"))
		return phony_barrier_behind(), 1;
	if (IS("end"))
		return phony_other(DMM_MSG_END, 0), phony_expect_eof(), 1;
	if (IS("corrupt"))
		return phony_corrupt(one), 2;
	if (IS("nack"))
		return phony_nack(one), 2;
	if (IS("eof"))
		return phony_eof(), 1;
	if (IS("half"))
		return phony_partial(true), 1;
	if (IS("part"))
		return phony_partial(false), 1;
	if (IS("raw"))
		return phony_raw(one, false), 2;
	if (IS("hello-raw"))
		return phony_raw(one, true), 2;
	if (IS("deaf"))
		return phony_deaf(one), 2;
	if (IS("sleep"))
		return usleep(atoi(one) * 1000), 2;
	if (IS("close"))
		return dmm_client_close(&ph.data), 1;
	if (IS("say"))
		return puts(one), fflush(stdout), 2;
#undef IS
	phony_die("unknown verb %s", verb);
}

int main(int argc, char **argv)
{
	char id[64], host[DMM_HOST_MAX];
	const char *why = "?";
	char *slash;
	int i;

	if (argc < 4) {
		fputs(usage, stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	ph.control.fd = ph.data.fd = ph.model = -1;
	ph.lbs = 512;
	ph.block = 4096;
	ph.to.port = DMM_DEFAULT_PORT;
	if (dmm_parse_hostport(argv[1], host, &ph.to.port, &why))
		phony_die("%s: %s", argv[1], why);
	strcpy(ph.to.host, host);
	/* a short number stands for an id */
	slash = strchr(argv[2], '/');
	if (slash) {
		ph.id.disk = cpu_to_le32(atoi(slash + 1));
		*slash = '\0';
	}
	snprintf(id, sizeof(id), "%032d", 0);
	if (strlen(argv[2]) > 32)
		phony_die("migration %s", argv[2]);
	memcpy(id + 32 - strlen(argv[2]), argv[2], strlen(argv[2]));
	if (dmm_id_parse(id, ph.id.migration))
		phony_die("migration %s", argv[2]);
	ph.rng = 0x9e3779b97f4a7c15ull ^ (u64)getpid() << 20 ^ dmm_now_ms();
	for (i = 3; i < argc;) {
		i += run_verb(argv + i, argc - i);
		if (i > argc)
			phony_die("%s: argument missing", argv[argc - 1]);
	}
	if (ph.refused)
		phony_die("nothing was refused");
	dmm_client_close(&ph.control);
	dmm_client_close(&ph.data);
	return 0;
}
