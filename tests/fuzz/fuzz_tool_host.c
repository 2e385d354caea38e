// SPDX-License-Identifier: GPL-2.0
/*
 * What this host says of its disks, and what lies there: a byte that tells of what kind, then what `lvm lvs` prints; two lists of
 * identities with a NUL between them; a network and an address in it; the record of a disk that moves on this host.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "dmmigrate/vdi.h"
#include "fuzz.h"
#include "identity.h"
#include "lv_priv.h"
#include "network.h"

enum kind { HOST_LV, HOST_IDENTITIES, HOST_NETWORK, HOST_VDI };

static const u8 id[DMM_ID_BYTES] = { 0x11 };
static char dir[64], path[128];
/* What lies beside the record, and is none: the second is as long as the name of one, the third is called like one. */
static const char *const beside[] = { "notes", "11000000000000000000000000000000.copy", "x1000000000000000000000000000000.json",
				      "22000000000000000000000000000000.json" };

static void in_dir(char *buf, size_t bytes, const char *name)
{
	snprintf(buf, bytes, "%s/%s", dir, name);
}

static void fuzz_cleanup(void)
{
	char name[128];
	size_t i;

	for (i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		in_dir(name, sizeof(name), beside[i]);
		remove(name);
	}
	unlink(path);
	rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char hex[DMM_ID_HEX], name[128];
	size_t i;
	int fd;

	(void)argc;
	(void)argv;
	fuzz_dir(dir, sizeof(dir));
	dmm_id_format(id, hex);
	snprintf(path, sizeof(path), "%s/%s.json", dir, hex);
	for (i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		in_dir(name, sizeof(name), beside[i]);
		fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		fuzz_assert(fd >= 0);
		close(fd);
	}
	atexit(fuzz_cleanup);
	return 0;
}

static void volume(const char *text)
{
	struct dmm_lv lv;
	const char *end;
	char tag[64];
	size_t n;

	if (dmm_lv_parse(text, &lv))
		return;
	fuzz_assert(memchr(lv.name, '\0', sizeof(lv.name)) && memchr(lv.tags, '\0', sizeof(lv.tags)) && strchr(lv.name, '/'));
	fuzz_assert(!strpbrk(lv.name, "'\n") && !strpbrk(lv.tags, "'\n"));
	/* it has each of its tags, and no part of one */
	n = strcspn(lv.tags, ",");
	if (n >= sizeof(tag))
		return;
	snprintf(tag, sizeof(tag), "%.*s", (int)n, lv.tags);
	fuzz_assert(dmm_lv_has_tag(lv.tags, tag));
	end = strrchr(lv.tags, ',');
	if (end && strlen(end + 1) < sizeof(tag)) {
		snprintf(tag, sizeof(tag), "%s", end + 1);
		fuzz_assert(dmm_lv_has_tag(lv.tags, tag));
	}
	fuzz_assert(!dmm_lv_has_tag(lv.tags, "a,b"));
}

static void identities(char *a, const char *b)
{
	char which[DMM_IDENTITY_MAX], other[DMM_IDENTITY_MAX];
	enum dmm_identity_verdict v;

	fuzz_assert(dmm_identity_same(a, b, which, sizeof(which)) == dmm_identity_same(b, a, other, sizeof(other)));
	v = dmm_identity_compare(a, b, which);
	fuzz_assert(v == dmm_identity_compare(b, a, other));
	if (v == DMM_IDENTITY_SAME)
		fuzz_assert(which[0] && memchr(which, '\0', sizeof(which)));
	if (dmm_identity_compare(a, a, which) != DMM_IDENTITY_UNKNOWN)
		fuzz_assert(dmm_identity_compare(a, a, which) == DMM_IDENTITY_SAME);
}

static void network(const char *text, const char *address)
{
	struct sockaddr_storage a;
	char why[DMM_NETWORK_WHY] = "";
	struct dmm_network n;
	unsigned int i;

	if (dmm_network_find(text, &n, why)) {
		fuzz_assert(why[0] && memchr(why, '\0', sizeof(why)));
		return;
	}
	fuzz_assert(n.nr && n.nr <= DMM_NETWORKS);
	if (dmm_network_has(&n, address))
		fuzz_assert(!dmm_address_parse(address, &a));
	for (i = 0; i < n.nr; i++)
		fuzz_assert(dmm_address_within(&n.prefixes[i].own, &n.prefixes[i].own, n.prefixes[i].bits));
}

struct seen {
	unsigned int nr;
	struct dmm_vdi v;
};

static bool see(void *arg, const struct dmm_vdi *v)
{
	struct seen *seen = arg;

	seen->nr++;
	seen->v = *v;
	return false;
}

/* Among what lies there it is found where it can be read, by its names, and nothing else is. */
static void vdi_find(const struct dmm_vdi *v)
{
	struct seen seen = { 0 };
	struct dmm_vdi found;
	char other[DMM_DM_UUID_BYTES + 1];

	fuzz_assert(dmm_vdi_each(dir, see, &seen) == -ENOENT && seen.nr == !!v);
	if (!v)
		return;
	fuzz_assert(!strcmp(seen.v.source, v->source) && !memcmp(seen.v.id, id, sizeof(id)));
	fuzz_assert(!dmm_vdi_find(dir, v->source, NULL, &found) && !strcmp(found.dest, v->dest));
	fuzz_assert(!dmm_vdi_find(dir, v->source, v->uuid, &found) && !strcmp(found.dest, v->dest));
	snprintf(other, sizeof(other), "%sx", v->uuid);
	fuzz_assert(dmm_vdi_find(dir, v->source, other, &found) == -ENOENT);
	snprintf(other, sizeof(other), "%sx", v->source);
	fuzz_assert(dmm_vdi_find(dir, other, NULL, &found) == -ENOENT);
	fuzz_assert(dmm_vdi_find("/nonexistent", v->source, NULL, &found) == -ENOENT);
}

static void vdi(const u8 *data, size_t size)
{
	struct dmm_vdi v = { 0 }, again = { 0 };
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	fuzz_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	if (dmm_vdi_load(dir, id, &v)) {
		vdi_find(NULL);
		return;
	}
	vdi_find(&v);
	fuzz_assert(!memcmp(v.id, id, sizeof(id)) && v.size_bytes);
	fuzz_assert(!dmm_vdi_save(dir, &v) && !dmm_vdi_load(dir, id, &again));
	fuzz_assert(!strcmp(v.source, again.source) && !strcmp(v.uuid, again.uuid) && !strcmp(v.dest, again.dest) &&
		    !strcmp(v.lv, again.lv) && v.moved == again.moved && v.size_bytes == again.size_bytes &&
		    v.started_s == again.started_s && v.has_witness == again.has_witness &&
		    v.witness.device_bytes == again.witness.device_bytes && v.witness.target_bytes == again.witness.target_bytes &&
		    v.witness.inflight == again.witness.inflight && !memcmp(&v.volume, &again.volume, sizeof(v.volume)));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *text, *second;
	size_t n;

	if (!size)
		return 0;
	if (data[0] == HOST_VDI) {
		vdi(data + 1, size - 1);
		return 0;
	}
	text = fuzz_text(data + 1, size - 1);
	n = 1 + strlen(text);
	n += n < size;
	second = fuzz_text(data + n, size - n);
	if (data[0] == HOST_LV)
		volume(text);
	else if (data[0] == HOST_IDENTITIES)
		identities(text, second);
	else
		network(text, second);
	free(text);
	free(second);
	return 0;
}
