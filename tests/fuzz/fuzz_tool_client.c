// SPDX-License-Identifier: GPL-2.0
/*
 * A receiver that lies: what it answers to the tool's requests comes from the input, frame by
 * frame (a byte 0x80: as it is; else magic, number, size and checksum are made right).
 */
#include <sys/socket.h>
#include <unistd.h>

#include "dmmigrate/remote.h"
#include "fuzz.h"

static void answer(int fd, const u8 *data, size_t size)
{
	struct dmm_wire_hdr hdr;
	size_t bytes;
	u64 seq = 0;
	bool raw;

	while (size > sizeof(hdr)) {
		raw = data[0] & 0x80;
		memcpy(&hdr, data + 1, sizeof(hdr));
		data += 1 + sizeof(hdr);
		size -= 1 + sizeof(hdr);
		bytes = le32_to_cpu(hdr.payload_bytes);
		if (bytes > size)
			bytes = size;
		if (!raw) {
			hdr.magic = cpu_to_le32(DMM_WIRE_MAGIC);
			hdr.seq = cpu_to_le64(++seq);
			hdr.payload_bytes = cpu_to_le32(bytes);
			hdr.crc = 0;
			dmm_wire_hdr_seal(&hdr, dmm_crc32c(dmm_wire_hdr_crc(&hdr), data, bytes));
		}
		/* what does not fit into the socket is not said */
		if (send(fd, &hdr, sizeof(hdr), MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof(hdr) ||
		    send(fd, data, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)bytes)
			break;
		data += bytes;
		size -= bytes;
	}
	shutdown(fd, SHUT_WR);
}

static void after(const struct dmm_remote *r, int ret)
{
	if (ret)
		fuzz_assert(r->why[0] && memchr(r->why, '\0', sizeof(r->why)) && r->exit != DMM_EXIT_OK);
}

static void after_group(const struct dmm_remote *r, int ret, const struct dmm_wire_group_ok *ok)
{
	after(r, ret);
	fuzz_assert(memchr(ok->peer, '\0', sizeof(ok->peer)) && memchr(ok->device, '\0', sizeof(ok->device)) &&
		    memchr(ok->why, '\0', sizeof(ok->why)));
}

/* What is said of the tool itself has to fit, and is not said where it does not. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct dmm_remote r;

	(void)argc;
	(void)argv;
	dmm_remote_init(&r);
	fuzz_assert(dmm_client_hello(&r.client, "a name of more than the forty-eight characters that HELLO has for it", &r.hello, &r.refuse) < 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u8 id[DMM_ID_BYTES] = { 1 };
	struct dmm_wire_prepare prepare = { 0 };
	struct dmm_wire_prepared prepared;
	struct dmm_wire_query_ok q;
	struct dmm_wire_attach at;
	struct dmm_remote r;
	struct dmm_wire_prove prove = { 0 };
	struct dmm_wire_prove_ok proved;
	struct dmm_wire_compare compare = { 0 };
	struct dmm_wire_compare_ok compared;
	struct dmm_wire_group group = { 0 };
	struct dmm_wire_adopt adopt = { 0 };
	struct dmm_wire_group_ok group_ok;
	struct dmm_wire_volume volume = { 0 };
	struct dmm_wire_volume_ok volume_ok;
	struct dmm_wire_identity_ok identity_ok;
	struct dmm_wire_guest_config config = { 0 };
	struct dmm_wire_guest_config_ok config_ok;
	const struct dmm_target nowhere = { .host = "127.0.0.1" };
	struct dmm_remote r_data;
	struct dmm_leftovers leftovers = { 0 };
	struct dmm_facts facts;
	u64 bytes, ns;
	bool plaintext;
	u64 error_ns;
	s64 offset_ns;
	u8 digest[16], hashes[DMM_MAX_CONTROL_BYTES + DMM_HASH_BYTES];
	int sv[2], ret;

	fuzz_assert(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv));
	answer(sv[1], data, size);
	dmm_remote_init(&r);
	r.client.fd = sv[0];
	r.client.timeout_ms = 1000;
	r.client.features = DMM_FEATURE_PROVE | DMM_FEATURE_GROUP | DMM_FEATURE_FACTS | DMM_FEATURE_VOLUME | DMM_FEATURE_LEFTOVERS |
			    DMM_FEATURE_GUEST | DMM_FEATURE_GUEST_CONFIG | DMM_FEATURE_IDENTITY | DMM_FEATURE_PROBE;
	ret = dmm_client_hello(&r.client, "fuzz", &r.hello, &r.refuse);
	if (!ret) {
		ret = dmm_remote_prepare(&r, &prepare, &prepared);
		after(&r, ret);
		if (!ret)
			fuzz_assert(memchr(prepared.signature, '\0', sizeof(prepared.signature)) &&
				    le64_to_cpu(prepared.conn_epoch) + 1 <= ~0ull >> 1);
		after(&r, dmm_remote_prove(&r, &prove, &proved));
		after(&r, dmm_remote_compare(&r, &compare, &compared));
		after_group(&r, dmm_remote_group(&r, &group, &group_ok), &group_ok);
		after_group(&r, dmm_remote_adopt(&r, &adopt, &group_ok), &group_ok);
		/* larger than any other answer */
		dmm_client_request(&r.client, DMM_MSG_HASHES, NULL, 0, DMM_MSG_HASHES_OK, hashes, sizeof(hashes), &r.refuse);
		after(&r, dmm_remote_query(&r, id, 1, &q));
		after(&r, dmm_remote_digest(&r, id, 1, 0, 4096, digest));
		dmm_remote_attach_to(&at, id, 1, 1, 0, 1);
		after(&r, dmm_remote_attach(&r, &at));
		after(&r, dmm_remote_finish(&r, id, 1));
		after(&r, dmm_remote_forget(&r, id, 1));
		ret = dmm_remote_facts(&r, &facts, &offset_ns, &error_ns);
		after(&r, ret);
		if (!ret)
			fuzz_assert(facts.bytes <= DMM_FACTS_BYTES && strlen(facts.text) == facts.bytes && facts.nr <= DMM_MAX_FACTS);
		ret = dmm_remote_volume(&r, &volume, &volume_ok);
		after(&r, ret);
		if (!ret)
			fuzz_assert(volume_ok.path[0] == '/' && memchr(volume_ok.path, '\0', sizeof(volume_ok.path)));
		after(&r, dmm_remote_identity(&r, "/dev/a", &identity_ok));
		fuzz_assert(memchr(identity_ok.identity, '\0', sizeof(identity_ok.identity)) &&
			    le32_to_cpu(identity_ok.kind) < __DMM_IDENTITY_KIND_MAX);
		after(&r, dmm_remote_guest_config(&r, &config, &config_ok));
		fuzz_assert(memchr(config_ok.path, '\0', sizeof(config_ok.path)) && memchr(config_ok.kept, '\0', sizeof(config_ok.kept)) &&
			    memchr(config_ok.why, '\0', sizeof(config_ok.why)) && le32_to_cpu(config_ok.state) < __DMM_GUEST_CONFIG_STATE_MAX);
		/* a key; nobody listens on port 0 */
		dmm_remote_init(&r_data);
		after(&r_data, dmm_remote_open_data(&r_data, &r, &nowhere, &at, false));
		dmm_remote_close(&r_data);
		after(&r, dmm_remote_guest(&r, id, "web"));
		ret = dmm_remote_leftovers(&r, NULL, &leftovers, &plaintext);
		after(&r, ret);
		fuzz_assert(leftovers.nr <= DMM_MAX_LEFTOVERS);
		dmm_leftovers_clear(&leftovers);
		after(&r, dmm_remote_probe_disk(&r, "/dev/a", 4096, &bytes, &ns));
		after(&r, dmm_remote_probe_link(&r, 4096, &ns));
		/* of one migration */
		after(&r, dmm_remote_leftovers(&r, id, &leftovers, &plaintext));
		fuzz_assert(leftovers.nr <= DMM_MAX_LEFTOVERS);
		dmm_leftovers_clear(&leftovers);
	}
	dmm_remote_close(&r);
	close(sv[1]);
	return 0;
}
