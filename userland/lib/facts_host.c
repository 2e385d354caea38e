// SPDX-License-Identifier: GPL-2.0
/*
 * Finding out what kind of host this is.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "facts_host.h"
#include "fullio.h"
#include "parse.h"
#include "runner.h"

#define ASK_MS		10000u
#define OUT_BYTES	16384u

/* --- files --- */

static bool there(const char *root, const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s%s", root, path);
	return !access(full, F_OK);
}

static bool read_file(const char *root, const char *path, char *buf, size_t bytes)
{
	char full[256];

	snprintf(full, sizeof(full), "%s%s", root, path);
	return dmm_read_text(full, buf, bytes) > 0;
}

/* Is a process of this name (its comm) there? */
static bool runs(const char *root, const char *name)
{
	char path[64], comm[32];
	bool found = false;
	struct dirent *de;
	DIR *d;

	snprintf(path, sizeof(path), "%s/proc", root);
	d = opendir(path);
	if (!d)
		return false;
	while (!found && (de = readdir(d))) {
		if (!isdigit((unsigned char)de->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/comm", de->d_name);
		found = read_file(root, path, comm, sizeof(comm)) && !strcmp(comm, name);
	}
	closedir(d);
	return found;
}

/* Does a file have a line that begins with @text, or has it after a blank? */
static bool mentions(const char *root, const char *path, const char *text)
{
	char full[256], line[512];
	bool found = false;
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	f = fopen(full, "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, text);
	fclose(f);
	return found;
}

static void module_facts(struct dmm_facts *f, const char *root, const char *release)
{
	char text[64], path[160];

	if (read_file(root, "/sys/module/dm_migrate/version", text, sizeof(text)))
		dmm_facts_add(f, "module", "%s", text);
	snprintf(path, sizeof(path), "/lib/modules/%.100s/modules.dep", release);
	dmm_facts_add(f, "module-installed", mentions(root, path, "/dm-migrate.ko") ? "yes" : "no");
}

static void dm_facts(struct dmm_facts *f, const char *root)
{
	static const char *const rules[] = {
		"/usr/local/lib/udev/rules.d/12-dmmigrate.rules", "/usr/lib/udev/rules.d/12-dmmigrate.rules",
		"/lib/udev/rules.d/12-dmmigrate.rules", "/etc/udev/rules.d/12-dmmigrate.rules",
	};
	bool found = false;
	size_t i;

	dmm_facts_add(f, "device-mapper", mentions(root, "/proc/misc", "device-mapper") ? "yes" : "no");
	if (!there(root, "/run/udev/control")) {
		dmm_facts_add(f, "udev", "no");
		return;
	}
	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		found |= there(root, rules[i]);
	dmm_facts_add(f, "udev", "yes");
	dmm_facts_add(f, "udev-rules", found ? "yes" : "no");
}

static void cpu_facts(struct dmm_facts *f, const char *root)
{
	static const struct { const char *line, *key; } wanted[] = {
		{ "vendor_id", "cpu-vendor" }, { "model name", "cpu-model" },
	};
	char path[256], line[512], old[DMM_FACT_VALUE];
	size_t i;
	FILE *in;

	snprintf(path, sizeof(path), "%s/proc/cpuinfo", root);
	in = fopen(path, "re");
	while (in && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
			if (!strncmp(line, wanted[i].line, strlen(wanted[i].line)) && strchr(line, ':') &&
			    !dmm_facts_get(f, wanted[i].key, old))
				dmm_facts_add(f, wanted[i].key, "%s", strchr(line, ':') + 1 + strspn(strchr(line, ':') + 1, " "));
		}
	}
	if (in)
		fclose(in);
}

static void clock_facts(struct dmm_facts *f)
{
	struct timex tx = { .modes = 0 };

	if (adjtimex(&tx) >= 0)
		dmm_facts_add(f, "clock-synchronised", tx.status & STA_UNSYNC ? "no" : "yes");
}

void dmm_facts_memlock(struct dmm_facts *f)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_MEMLOCK, &rl))
		return;
	if (rl.rlim_cur == RLIM_INFINITY)
		dmm_facts_add(f, "memlock", "unlimited");
	else
		dmm_facts_add(f, "memlock", "%llu", (unsigned long long)rl.rlim_cur);
}

void dmm_facts_dir(struct dmm_facts *f, const char *path)
{
	struct statvfs st;

	if (statvfs(path, &st))
		dmm_facts_add(f, "dir-failed", "%s: %s", path, strerror(errno));
	else
		dmm_facts_add(f, "dir", "%s %llu %llu", path, (u64)st.f_blocks * st.f_frsize, (u64)st.f_bavail * st.f_frsize);
}

/* --- programs --- */

/* xl info prints MiB. */
static void xen_memory(struct dmm_facts *f, const char *key, const char *value, u64 less_mib)
{
	u64 mib;

	if (!dmm_parse_u64(value, 0, 1ull << 40, &mib))
		dmm_facts_add(f, key, "%llu", (mib > less_mib ? mib - less_mib : 0) << 20);
}

/* The value of @key in what xl info prints: "KEY     : VALUE". */
static bool xl_value(const char *text, const char *key, char *value, size_t bytes)
{
	size_t n = strlen(key), len;

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		if (strncmp(text, key, n) || text[n + strspn(text + n, " ")] != ':')
			continue;
		text += n + strspn(text + n, " ") + 1;
		text += strspn(text, " ");
		len = strcspn(text, "\n");
		while (len && text[len - 1] == ' ')
			len--;
		snprintf(value, bytes, "%.*s", (int)len, text);
		return true;
	}
	return false;
}

int dmm_facts_xl_info(struct dmm_facts *f, const char *text)
{
	static const struct { const char *xl, *key; } plain[] = {
		{ "xen_version", "xen-version" }, { "xen_caps", "xen-caps" }, { "virt_caps", "xen-virt-caps" },
		{ "hw_caps", "xen-hw-caps" },
	};
	char value[DMM_FACT_VALUE];
	u64 claims = 0;
	size_t i;

	if (!xl_value(text, "xen_version", value, sizeof(value)) || !*value)
		return -EBADMSG;
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (xl_value(text, plain[i].xl, value, sizeof(value)))
			dmm_facts_add(f, plain[i].key, "%s", value);
	}
	if (xl_value(text, "outstanding_claims", value, sizeof(value)))
		dmm_parse_u64(value, 0, 1ull << 40, &claims);
	if (xl_value(text, "total_memory", value, sizeof(value)))
		xen_memory(f, "xen-memory", value, 0);
	if (xl_value(text, "free_memory", value, sizeof(value)))
		xen_memory(f, "xen-memory-free", value, claims);
	return 0;
}

/* "  a|b|c|d": its words. False: there are not four, or one does not fit. */
static bool four_words(const char *line, size_t n, char words[4][64])
{
	size_t i, len;

	for (i = 0; i < 4; i++) {
		len = i < 3 ? strcspn(line, "|\n") : n;
		if (len > n || len >= sizeof(words[i]) || !len || (i < 3 && line[len] != '|'))
			return false;
		memcpy(words[i], line, len);
		words[i][len] = '\0';
		if (i < 3)
			len++;
		line += len;
		n -= len;
	}
	return true;
}

static const char *line_next(const char *text, size_t *bytes)
{
	text += strspn(text, "\n ");
	*bytes = strcspn(text, "\n");
	return text;
}

void dmm_facts_vgs(struct dmm_facts *f, const char *text)
{
	char w[4][64], id[64], *to;
	u64 size, room;
	const char *c;
	size_t n;

	for (text = line_next(text, &n); n; text = line_next(text + n, &n)) {
		if (!four_words(text, n, w) || dmm_parse_u64(w[2], 0, ~0ull, &size) || dmm_parse_u64(w[3], 0, ~0ull, &room))
			continue;
		for (c = w[1], to = id; *c; c++) {	/* as a DM UUID has it */
			if (*c != '-')
				*to++ = *c;
		}
		*to = '\0';
		dmm_facts_add(f, "vg", "%s %s %llu %llu", w[0], id, size, room);
	}
}

void dmm_facts_pools(struct dmm_facts *f, const char *text)
{
	unsigned int percent, hundredths;
	char w[4][64];
	u64 size;
	size_t n;

	for (text = line_next(text, &n); n; text = line_next(text + n, &n)) {
		hundredths = 0;
		if (!four_words(text, n, w) || dmm_parse_u64(w[2], 0, ~0ull, &size) ||
		    sscanf(w[3], "%3u.%2u", &percent, &hundredths) < 1 || percent > 100)
			continue;
		percent = percent * 100 + hundredths;
		dmm_facts_add(f, "pool", "%s/%s %llu %llu", w[0], w[1], size,
			      percent < 10000 ? size / 10000 * (10000 - percent) : 0);
	}
}

#define WORD(s)		((char *)(s))
#define NOT_FOUND	127	/* of env: no such program */

/* vgs or lvs, with these columns; @select: NULL, or of which. As dmm_runner_ask(). */
static int lvm_ask(const char *what, const char *columns, const char *select, int stop_fd, char out[OUT_BYTES])
{
	/* a guest's disk is never looked at for volume groups, whatever the host's configuration says */
	char *const argv[] = {
		WORD("env"), WORD("LC_ALL=C"), WORD("lvm"), WORD(what), WORD("--config"), WORD("devices{scan_lvs=0}"),
		WORD("--noheadings"), WORD("--nosuffix"), WORD("--units"), WORD("b"), WORD("--separator"), WORD("|"),
		WORD("-o"), WORD(columns), select ? WORD("-S") : NULL, WORD(select), NULL,
	};

	return dmm_runner_ask(argv, ASK_MS, stop_fd, out, OUT_BYTES);
}

static void lvm_facts(struct dmm_facts *f, struct dmm_facts *volumes, int stop_fd)
{
	char out[OUT_BYTES];
	int ret = lvm_ask("vgs", "vg_name,vg_uuid,vg_size,vg_free", NULL, stop_fd, out);

	if (ret == NOT_FOUND || ret == -ENOENT) {
		dmm_facts_add(f, "lvm", "no");
		return;
	}
	dmm_facts_add(f, "lvm", "yes");
	if (!ret)
		dmm_facts_vgs(volumes, out);
	else if (ret > 0)
		dmm_facts_add(f, "lvm-failed", "vgs: exit code %d", ret);
	else
		dmm_facts_add(f, "lvm-failed", "vgs: %s", strerror(-ret));
	if (!ret && !lvm_ask("lvs", "vg_name,lv_name,lv_size,data_percent", "lv_layout=thin && lv_layout=pool", stop_fd, out))
		dmm_facts_pools(volumes, out);
}

int dmm_facts_place(struct dmm_facts *f, const char *vg, const char *pool, int stop_fd)
{
	char out[OUT_BYTES], select[320];
	int ret;

	if (pool)
		snprintf(select, sizeof(select), "lv_layout=thin && lv_layout=pool && vg_name=\"%.128s\" && lv_name=\"%.128s\"", vg, pool);
	else
		snprintf(select, sizeof(select), "vg_name=\"%.128s\"", vg);
	ret = pool ? lvm_ask("lvs", "vg_name,lv_name,lv_size,data_percent", select, stop_fd, out) :
		     lvm_ask("vgs", "vg_name,vg_uuid,vg_size,vg_free", select, stop_fd, out);
	if (!ret && pool)
		dmm_facts_pools(f, out);
	else if (!ret)
		dmm_facts_vgs(f, out);
	return ret;
}

static void xen_facts(struct dmm_facts *f, const char *root, int stop_fd)
{
	char *const info[] = { WORD("xl"), WORD("info"), NULL };
	char *const wlb[] = { WORD("xe"), WORD("pool-list"), WORD("params=wlb-enabled"), WORD("--minimal"), NULL };
	char out[OUT_BYTES];
	int ret;

	if (mentions(root, "/proc/xen/capabilities", "control_d"))
		dmm_facts_add(f, "xen", "dom0");
	if (runs(root, "xapi"))
		dmm_facts_add(f, "toolstack", "xapi");
	else if (runs(root, "libvirtd") || runs(root, "virtxend"))
		dmm_facts_add(f, "toolstack", "libvirt");
	if (runs(root, "xhad"))
		dmm_facts_add(f, "ha", "xapi");
	else if (runs(root, "pacemakerd"))
		dmm_facts_add(f, "ha", "pacemaker");
	if (!dmm_runner_ask(wlb, ASK_MS, stop_fd, out, sizeof(out)) && !strncmp(out, "true", 4))
		dmm_facts_add(f, "wlb", "yes");
	ret = dmm_runner_ask(info, ASK_MS, stop_fd, out, sizeof(out));
	if (ret == -ENOENT)
		return;
	if (!ret)
		ret = dmm_facts_xl_info(f, out);
	if (ret > 0)
		dmm_facts_add(f, "xl-failed", "xl info: exit code %d", ret);
	else if (ret)
		dmm_facts_add(f, "xl-failed", "xl info: %s", ret == -EBADMSG ? "its output has no xen_version" : strerror(-ret));
}

void dmm_facts_host(struct dmm_facts *f, struct dmm_facts *volumes, const char *root, int stop_fd)
{
	struct utsname u;

	if (!uname(&u)) {
		dmm_facts_add(f, "host", "%s", u.nodename);
		dmm_facts_add(f, "kernel", "%s", u.release);
		dmm_facts_add(f, "machine", "%s", u.machine);
		module_facts(f, root, u.release);
	}
	dm_facts(f, root);
	clock_facts(f);
	cpu_facts(f, root);
	xen_facts(f, root, stop_fd);
	lvm_facts(f, volumes, stop_fd);
}
