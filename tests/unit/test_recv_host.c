// SPDX-License-Identifier: GPL-2.0
/*
 * What the receiver finds out about its host (who uses a disk, from made-up
 * /proc and /sys), and what its options and configuration file say.
 */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "dmmigrated/options.h"
#include "inuse.h"
#include "recv_fake.h"

/* --- in use --- */

static char root[64];

/* Writes ROOT/@path, making directories. */
static void put(const char *path, const char *text)
{
	char full[256], *p;
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (p = full + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(full, 0700);
		*p = '/';
	}
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static const char *in_root(const char *path)
{
	static char full[256];

	snprintf(full, sizeof(full), "%s%s", root, path);
	return full;
}

static int host_setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/dmm-unit-host.XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int host_teardown(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", root);
	return system(cmd);
}

/* Disk 8:16 ("sdb") of this made-up host, with partitions 8:17 and 8:18. */
static void check(const char *expected)
{
	struct stat st = { .st_mode = S_IFBLK | 0660, .st_rdev = makedev(8, 16) };
	struct dmm_refusal r = { 0 };
	int ret;

	put("/sys/dev/block/8:16/sdb1/partition", "1\n");
	put("/sys/dev/block/8:16/sdb1/dev", "8:17\n");
	put("/sys/dev/block/8:16/sdb2/partition", "2\n");
	put("/sys/dev/block/8:16/sdb2/dev", "8:18\n");
	put("/sys/dev/block/8:16/queue/dev", "8:32\n");
	ret = dmm_inuse_check(root, &st, "/dev/sdb", &r);
	if (!expected) {
		if (ret)
			fail_msg("refused: %s", r.text);
		return;
	}
	assert_int_equal(ret, -EBUSY);
	assert_int_equal(r.code, DMM_WERR_BUSY);
	if (!strstr(r.text, expected) || strncmp(r.text, "/dev/sdb ", 9))
		fail_msg("'%s' is not in: %s", expected, r.text);
}

/* A file's path does where a device node cannot be made up without root. */
static void nvme_targets(void **state)
{
	const char *ns = "/sys/kernel/config/nvmet/subsystems/nqn.2014-08.org.example:d1/namespaces/1";
	char path[256], file[256];
	struct dmm_refusal r = { 0 };
	struct stat st;

	(void)state;
	put("/disk.img", "x");
	snprintf(file, sizeof(file), "%s", in_root("/disk.img"));
	assert_int_equal(stat(file, &st), 0);
	snprintf(path, sizeof(path), "%s/device_path", ns);
	put(path, file);
	snprintf(path, sizeof(path), "%s/enable", ns);
	put(path, "0\n");
	assert_int_equal(dmm_inuse_check(root, &st, "/disk.img", &r), 0);
	put(path, "1\n");
	assert_int_equal(dmm_inuse_check(root, &st, "/disk.img", &r), -EBUSY);
	assert_non_null(strstr(r.text, "nqn.2014-08.org.example:d1"));
	assert_non_null(strstr(r.text, "name another destination"));
	assert_int_equal(dmm_inuse_check_source(root, &st, "/disk.img", &r), -EBUSY);
	assert_non_null(strstr(r.text, "copy a snapshot"));
}

/* A destination that is a partition, 8:17: who has its disk has it, too, but not who has 8:18. */
static void disk_of_a_partition(void **state)
{
	struct stat st = { .st_mode = S_IFBLK | 0660, .st_rdev = makedev(8, 17) };
	struct dmm_refusal r = { 0 };

	(void)state;
	put("/sys/dev/block/8:16/dev", "8:16\n");
	put("/sys/dev/block/8:16/sdb1/partition", "1\n");
	put("/sys/dev/block/8:16/sdb1/dev", "8:17\n");
	put("/sys/dev/block/8:16/sdb2/partition", "2\n");
	put("/sys/dev/block/8:16/sdb2/dev", "8:18\n");
	assert_int_equal(symlink("8:16/sdb1", in_root("/sys/dev/block/8:17")), 0);
	put("/proc/self/mountinfo", "99 22 8:18 / /boot rw - ext4 /dev/sdb2 rw\n");
	put("/sys/bus/xen-backend/devices/vbd-7-51712/physical_device", "8:12\n");	/* hex */
	assert_int_equal(dmm_inuse_check(root, &st, "/dev/sdb1", &r), 0);
	put("/sys/bus/xen-backend/devices/vbd-7-51712/physical_device", "8:10\n");
	assert_int_equal(dmm_inuse_check(root, &st, "/dev/sdb1", &r), -EBUSY);
	assert_non_null(strstr(r.text, "vbd-7-51712"));
	put("/sys/bus/xen-backend/devices/vbd-7-51712/physical_device", "8:20\n");
	put("/proc/self/mountinfo", "99 22 8:16 / /mnt rw - ext4 /dev/sdb rw\n");
	assert_int_equal(dmm_inuse_check(root, &st, "/dev/sdb1", &r), -EBUSY);
	assert_non_null(strstr(r.text, "the disk that it is a partition of"));
}

static void nothing_uses_it(void **state)
{
	(void)state;
	check(NULL);
	put("/proc/self/mountinfo",
	    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
	    "23 22 0:20 / /proc rw shared:2 - proc none rw\n"
	    "99 22 8:32 / /mnt rw shared:3 - ext4 /dev/sdc rw\n"
	    "this line is no mount\n\n");
	put("/proc/swaps", "Filename Type Size Used Priority\n/dev/null partition 1 0 -2\n");
	put("/sys/bus/xen-backend/devices/vbd-1-768/physical_device", "8:20\n");
	put("/sys/bus/xen-backend/devices/vif-1-0/physical_device", "8:10\n");
	check(NULL);
}

static void mounts(void **state)
{
	(void)state;
	put("/proc/self/mountinfo", "99 22 8:16 / /mnt/a\\040b rw - ext4 /dev/sdb rw\n");
	check("is mounted on /mnt/a b: ");
	put("/proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
				    "99 22 8:18 / /boot rw - ext4 /dev/sdb2 rw\n");
	check("is mounted on /boot (a partition of it)");
}

static void holders(void **state)
{
	(void)state;
	put("/sys/dev/block/8:17/holders/dm-4/dm/name", "vg0-root\n");
	check("is in use by device vg0-root (a partition of it)");
	put("/sys/dev/block/8:16/holders/md0/size", "1\n");
	check("is in use by device md0: ");
}

/* One gate of one name above the disk itself; what it lets pass only the kernel can say. */
static void gates(void **state)
{
	struct stat st = { .st_mode = S_IFBLK | 0660, .st_rdev = makedev(8, 16) };
	struct dmm_refusal r = { 0 };
	char from[256], to[256];
	bool gated = true;

	(void)state;
	put("/sys/dev/block/8:16/holders/dm-4/dm/name", "web01\n");
	put("/sys/dev/block/8:16/holders/dm-4/dm/uuid", "LVM-DMM-gate1\n");
	assert_int_equal(dmm_inuse_check_beneath(root, &st, "/dev/sdb", "LVM-DMM-gate0", &gated, &r), -EBUSY);
	assert_non_null(strstr(r.text, "is in use by device web01"));
	assert_false(gated);
	put("/sys/dev/block/8:16/holders/dm-4/dm/uuid", "LVM-DMM-gate0\n");
	check("is in use by device web01");
	put("/sys/dev/block/8:16/holders/dm-4/dm/uuid", "LVM-DMM000000000000000000000000000000000000000ab\n");
	check("is in use by device web01");
	put("/sys/dev/block/8:16/holders/dm-4/dm/uuid",
	    DMM_UUID_PREFIX "ab0102030405060708090a0b0c0d0e0f-gate0\n");
	check("is the destination of migration ab0102030405060708090a0b0c0d0e0f, by the gate web01: ");
	put("/sys/dev/block/8:16/holders/dm-4/dm/uuid", "LVM-DMM-gate0\n");
	/* without its node nobody knows; what can be read is not shut, where O_DIRECT is possible */
	assert_true(dmm_inuse_check_beneath(root, &st, "/dev/sdb", "LVM-DMM-gate0", &gated, &r) < 0);
	put("/dev/dm-4", "contents");
	assert_true(dmm_inuse_check_beneath(root, &st, "/dev/sdb", "LVM-DMM-gate0", &gated, &r) < 0);
	assert_true(strstr(r.text, "has a gate above it that is open") || strstr(r.text, "cannot find out"));
	assert_false(gated);
	/* above a partition it is none of ours */
	snprintf(from, sizeof(from), "%s/sys/dev/block/8:16/holders", root);
	snprintf(to, sizeof(to), "%s/gone", root);
	assert_int_equal(rename(from, to), 0);
	put("/sys/dev/block/8:16/sdb1/partition", "1\n");
	put("/sys/dev/block/8:16/sdb1/dev", "8:17\n");
	put("/sys/dev/block/8:17/holders/dm-4/dm/name", "web02\n");
	put("/sys/dev/block/8:17/holders/dm-4/dm/uuid", "LVM-DMM-gate0\n");
	assert_int_equal(dmm_inuse_check_beneath(root, &st, "/dev/sdb", "LVM-DMM-gate0", &gated, &r), -EBUSY);
	assert_non_null(strstr(r.text, "is in use by device web02"));
}

static void guests(void **state)
{
	(void)state;
	put("/sys/bus/xen-backend/devices/vbd-7-51712/physical_device", "8:10\n");	/* hex */
	check("is a running guest's disk (vbd-7-51712)");
}

static void writers(void **state)
{
	char name[32];

	(void)state;
	/* a descriptor of a device node cannot be made up without root; a file's does as well */
	{
		struct dmm_refusal r = { 0 };
		char file[96], path[300], full[400];
		struct stat st;

		snprintf(file, sizeof(file), "%s/disk.img", root);
		put("/disk.img", "x");
		put("/proc/4711/comm", "dd\n");
		put("/proc/4711/fdinfo/3", "pos:\t0\nflags:\t0100000\nmnt_id:\t2\n");
		put("/proc/4711/fd/.keep", "");
		snprintf(name, sizeof(name), "/proc/4711/fd/3");
		snprintf(path, sizeof(path), "%s%s", root, name);
		assert_int_equal(symlink(file, path), 0);
		assert_int_equal(stat(file, &st), 0);
		assert_int_equal(dmm_inuse_check(root, &st, file, &r), 0);	/* reads only */
		put("/proc/4711/fdinfo/3", "pos:\t0\nflags:\t0100002\nmnt_id:\t2\n");
		assert_int_equal(dmm_inuse_check(root, &st, file, &r), -EBUSY);
		assert_non_null(strstr(r.text, "by process 4711 (dd)"));
		/* swap files are found by their path */
		put("/proc/4711/fdinfo/3", "flags:\t0100000\n");
		snprintf(full, sizeof(full), "Filename Type\n%s file 8 0 -2\n", file);
		put("/proc/swaps", full);
		assert_int_equal(dmm_inuse_check(root, &st, file, &r), -EBUSY);
		assert_non_null(strstr(r.text, "is swap space"));
	}
}

/* Whatever cannot be looked at may be a user: out of descriptors is no licence. */
static void unable_to_look(void **state)
{
	static const char * const hide[] = {	/* what would fail first */
		"/proc/1/mountinfo", "/proc/self/mountinfo", "/proc/swaps", "",
	};
	struct stat st = { .st_mode = S_IFBLK | 0660, .st_rdev = makedev(8, 16) };
	struct rlimit was, none;
	struct dmm_refusal r;
	char path[256];
	size_t i;
	int fd, ret;

	(void)state;
	put("/proc/1/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
	put("/proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
	put("/proc/swaps", "Filename Type Size Used Priority\n");
	put("/proc/4711/fd/.keep", "");
	assert_int_equal(dmm_inuse_check(root, &st, "/dev/sdb", &r), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	fd = dup(0);
	close(fd);
	none.rlim_cur = fd;		/* the lowest free one */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	ret = dmm_inuse_check(root, &st, "/dev/sdb", &r);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(r.code, DMM_WERR_INTERNAL);
	assert_true(ret < 0);
	assert_non_null(strstr(r.text, "cannot find out who uses /dev/sdb: Too many open files"));
	/* each in turn is a loop of links: an error that is not "there is none" */
	for (i = 0; i < sizeof(hide) / sizeof(hide[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", root, hide[i][0] ? hide[i] : "/sys/block");
		unlink(path);
		mkdir(in_root("/sys"), 0700);
		assert_int_equal(symlink(path, path), 0);
		ret = dmm_inuse_check(root, &st, "/dev/sdb", &r);
		if (!ret || r.code != DMM_WERR_INTERNAL)
			fail_msg("%s: %d", path, ret);
		unlink(path);
	}
	assert_int_equal(dmm_inuse_check(root, &st, "/dev/sdb", &r), 0);
}

/* --- options --- */

static struct dmm_config conf;

/* Parses with the configuration file @text (NULL: none) and these arguments. */
static enum dmm_options_result parse(const char *text, ...)
{
	char path[] = "/tmp/dmm-unit-conf.XXXXXX";
	char *argv[16] = { (char *)"dmmigrated" };
	enum dmm_options_result res;
	int argc = 1, fd, saved;
	va_list ap;

	va_start(ap, text);
	while ((argv[argc] = va_arg(ap, char *)))
		argc++;
	va_end(ap);
	fd = mkstemp(path);
	if (text) {
		assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
		argv[argc++] = (char *)"--config";
		argv[argc++] = path;
		argv[argc] = NULL;
	}
	close(fd);
	/* the complaints are for people */
	fflush(stderr);
	saved = dup(STDERR_FILENO);
	fd = open("/dev/null", O_WRONLY);
	dup2(fd, STDERR_FILENO);
	res = dmm_options_parse(argc, argv, &conf);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fd);
	unlink(path);
	return res;
}

static void options_and_file(void **state)
{
	(void)state;
	assert_int_equal(parse("", NULL), DMM_OPTIONS_RUN);
	assert_int_equal(conf.nr_listen, 0);
	assert_int_equal(conf.port, 7790);
	assert_int_equal(conf.nr_allow, 0);
	assert_int_equal(conf.buffer_bytes, 64 << 20);
	assert_int_equal(conf.max_sessions, 256);
	assert_int_equal(dmm_config_silent(&conf), 64);
	assert_int_equal(conf.orphan_ms, 3600000);
	assert_int_equal(conf.handshake_ms, 5000);
	dmm_config_exit(&conf);

	assert_int_equal(parse("# all of it\n"
			       "[dmmigrated]\n"
			       "listen = 10.0.0.1\n"
			       "listen = [fd00::1]:7000\n"
			       "port=7001\n"
			       "allow = /dev/vg0/*\n"
			       "allow = /srv/*.img\n"
			       "engine = libaio\n"
			       "buffers = 128M\n"
			       "max_sessions = 10\n"
			       "max_silent = 5\n"
			       "max_disks = 11\n"
			       "orphan_timeout = 2h\n"
			       "handshake_timeout = 500ms\n"
			       "stall_timeout = 3s\n"
			       "ack_timeout = 4s\n"
			       "reconnect = manual\n"
			       "log_level = debug\n", NULL), DMM_OPTIONS_RUN);
	assert_int_equal(conf.nr_listen, 2);
	assert_string_equal(conf.listen[0].host, "10.0.0.1");
	assert_int_equal(conf.listen[0].port, 0);
	assert_string_equal(conf.listen[1].host, "fd00::1");
	assert_int_equal(conf.listen[1].port, 7000);
	assert_int_equal(conf.port, 7001);
	assert_int_equal(conf.nr_allow, 2);
	assert_string_equal(conf.allow[1], "/srv/*.img");
	assert_true(conf.by_hand);
	assert_ptr_equal(conf.engine, &dmm_engine_libaio);
	assert_false(conf.engine_auto);
	assert_int_equal(conf.buffer_bytes, 128 << 20);
	assert_int_equal(conf.max_sessions, 10);
	assert_int_equal(dmm_config_silent(&conf), 5);
	conf.max_silent = 0;
	assert_int_equal(dmm_config_silent(&conf), 32);
	assert_int_equal(conf.max_disks, 11);
	assert_int_equal(conf.orphan_ms, 7200000);
	assert_int_equal(conf.handshake_ms, 500);
	assert_int_equal(conf.stall_ms, 3000);
	assert_int_equal(conf.ack_ms, 4000);
	assert_int_equal(conf.log_level, 7);
	dmm_config_exit(&conf);

	/* the command line wins, addresses are replaced, patterns are added */
	assert_int_equal(parse("listen = 10.0.0.1\nport = 7001\nallow = /a\n", "--listen", "::1",
			       "-p", "7002", "--allow=/b", "-f", "-L", "error", NULL),
			 DMM_OPTIONS_RUN);
	assert_int_equal(conf.nr_listen, 1);
	assert_string_equal(conf.listen[0].host, "::1");
	assert_int_equal(conf.port, 7002);
	assert_int_equal(conf.nr_allow, 2);
	assert_int_equal(conf.log_level, 3);
	assert_true(conf.foreground);
	dmm_config_exit(&conf);
}

static void options_refused(void **state)
{
	static const char * const files[] = {
		"nonsense\n", "[dmmigrated\n", "[other]\nport = 1\n", "prot = 1\n", "port = 0\n",
		"port = 65536\n", "port = 7790x\n", "port = -1\n", "buffers = 1M\n", "buffers = 2T\n",
		"buffers = lots\n", "allow = vg0/*\n", "allow = /dev/vg0/*  # note\n",
		"allow = /srv/a b,c\n", "allow = /srv/#1\n", "listen =\n", "listen = [::1\n",
		"listen = 10.0.0.1:0\n", "listen = a b\n", "engine = uring\n", "max_sessions = 0\n", "max_silent = 0\n",
		"max_disks = 1000000\n", "orphan_timeout = 1ms\n", "stall_timeout = 90d\n",
		"log_level = loud\n", "foreground = yes\n", "config = /x\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (parse(files[i], NULL) != DMM_OPTIONS_ERROR)
			fail_msg("taken: %s", files[i]);
	}
	assert_int_equal(parse("", "--port", "x", NULL), DMM_OPTIONS_ERROR);
	assert_int_equal(parse("", "--none", NULL), DMM_OPTIONS_ERROR);
	assert_int_equal(parse("", "--port", NULL), DMM_OPTIONS_ERROR);
	assert_int_equal(parse("", "word", NULL), DMM_OPTIONS_ERROR);
	assert_int_equal(parse("", "--max-sessions", "3", NULL), DMM_OPTIONS_ERROR);
	assert_int_equal(parse(NULL, "--config", "/nowhere/at/all", NULL), DMM_OPTIONS_ERROR);
}

int main(void)
{
#define H(f) cmocka_unit_test_setup_teardown(f, host_setup, host_teardown)
	const struct CMUnitTest tests[] = {
		H(nothing_uses_it),
		H(mounts),
		H(holders),
		H(gates),
		H(guests),
		H(disk_of_a_partition),
		H(nvme_targets),
		H(writers),
		H(unable_to_look),
		cmocka_unit_test(options_and_file),
		cmocka_unit_test(options_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
