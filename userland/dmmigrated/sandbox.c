// SPDX-License-Identifier: GPL-2.0
/*
 * Giving up privileges.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/blkzoned.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"

/* --- system calls --- */

/* Every process: memory, threads, what is open, time, signals to itself. */
static const int always[] = {
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close), SCMP_SYS(fcntl), SCMP_SYS(dup),
	SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(fstatfs), SCMP_SYS(lseek), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(shutdown), SCMP_SYS(socketpair),
	SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getpeername), SCMP_SYS(getsockname), SCMP_SYS(eventfd2),
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(tgkill),
	SCMP_SYS(geteuid), SCMP_SYS(getuid), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall),
	SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday),
	SCMP_SYS(time), SCMP_SYS(getrandom), SCMP_SYS(prctl), SCMP_SYS(uname), SCMP_SYS(getrlimit), SCMP_SYS(prlimit64),
	SCMP_SYS(membarrier),
};

/* Who reads and writes destinations. */
static const int of_worker[] = {
	SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(preadv2), SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(pwritev2),
	SCMP_SYS(fallocate), SCMP_SYS(fdatasync), SCMP_SYS(fsync), SCMP_SYS(sync_file_range), SCMP_SYS(fadvise64),
	SCMP_SYS(io_setup), SCMP_SYS(io_submit), SCMP_SYS(io_getevents), SCMP_SYS(io_pgetevents), SCMP_SYS(io_destroy),
	SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),	/* rings with restrictions, made before: engine_uring.c */
};

/* Who accepts, and reads files that it is given. */
static const int of_acceptor[] = {
	SCMP_SYS(accept4), SCMP_SYS(pread64),
};

/* Who looks at a disk. */
static const int of_prober[] = {
	SCMP_SYS(pread64),
};

/* What it may ask a device for. */
static const u32 of_prober_ioctl[] = { BLKGETSIZE64, BLKGETSIZE, BLKSSZGET, BLKGETZONESZ };

/* Who connects to a server of exports, with what the resolver needs for that. */
static const int of_export[] = {
	SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(bind), SCMP_SYS(memfd_create), SCMP_SYS(ftruncate), SCMP_SYS(ioctl), SCMP_SYS(stat), SCMP_SYS(readlink),
	SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg), SCMP_SYS(pipe2), SCMP_SYS(flock),
};

#ifdef __SANITIZE_ADDRESS__	/* it looks at itself */
static const int of_sanitiser[] = {
	SCMP_SYS(readlink), SCMP_SYS(open), SCMP_SYS(personality), SCMP_SYS(sched_setaffinity),
};
#endif

/* Who opens things: the rest. */
static const int not_of_opener[] = {
	SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4),
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(unshare), SCMP_SYS(setns),
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load),
	SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(keyctl), SCMP_SYS(add_key),
	SCMP_SYS(request_key), SCMP_SYS(io_uring_setup), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff),
	SCMP_SYS(sethostname), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(acct), SCMP_SYS(quotactl),
	SCMP_SYS(kill), SCMP_SYS(tkill), SCMP_SYS(rt_sigqueueinfo), SCMP_SYS(chmod), SCMP_SYS(chown), SCMP_SYS(link),
	SCMP_SYS(linkat), SCMP_SYS(symlink), SCMP_SYS(symlinkat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2),
	SCMP_SYS(mknod), SCMP_SYS(mknodat), SCMP_SYS(open_by_handle_at), SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(fchown),
	SCMP_SYS(fchownat), SCMP_SYS(lchown), SCMP_SYS(pidfd_send_signal), SCMP_SYS(pidfd_getfd), SCMP_SYS(process_madvise),
	SCMP_SYS(fsopen), SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(open_tree), SCMP_SYS(move_mount), SCMP_SYS(mount_setattr),
};

static int rule_all(scmp_filter_ctx ctx, u32 action, const int *calls, size_t nr)
{
	int ret = 0;

	while (nr-- && !ret)
		ret = seccomp_rule_add(ctx, action, *calls++, 0);
	return ret;
}

#define RULES(ctx, action, calls)	rule_all(ctx, action, calls, sizeof(calls) / sizeof((calls)[0]))
#define ALLOW(ctx, calls)		RULES(ctx, SCMP_ACT_ALLOW, calls)

/* By their arguments: threads and no processes, memory that is not executed, zeroes and no other command of a device. */
static int allow_some(scmp_filter_ctx ctx, bool worker)
{
	int ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				   SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM));

	/* whose flags a filter cannot see: without it the library takes the other */
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!ret && worker)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, BLKZEROOUT));
	return ret;
}

static int fill_prober(scmp_filter_ctx ctx)
{
	int ret = ALLOW(ctx, of_prober);
	size_t i;

	for (i = 0; i < sizeof(of_prober_ioctl) / sizeof(of_prober_ioctl[0]) && !ret; i++)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, of_prober_ioctl[i]));
	return ret;
}

static int fill_opener(scmp_filter_ctx ctx)
{
	return RULES(ctx, SCMP_ACT_ERRNO(EPERM), not_of_opener);
}

static int fill_others(scmp_filter_ctx ctx, const struct dmm_sandbox *box)
{
	int ret = ALLOW(ctx, always);

	if (!ret && box->kind == DMM_SANDBOX_PROBER)
		ret = fill_prober(ctx);
	else if (!ret)
		ret = box->kind == DMM_SANDBOX_ACCEPTOR ? ALLOW(ctx, of_acceptor) : ALLOW(ctx, of_worker);
	if (!ret && box->kind == DMM_SANDBOX_EXPORT)
		ret = ALLOW(ctx, of_export);
	if (!ret)
		ret = allow_some(ctx, box->kind == DMM_SANDBOX_WORKER);
#ifdef __SANITIZE_ADDRESS__
	if (!ret)
		ret = ALLOW(ctx, of_sanitiser);
#endif
	return ret;
}

static int filter_calls(const struct dmm_sandbox *box)
{
	bool opener = box->kind == DMM_SANDBOX_OPENER;
	scmp_filter_ctx ctx = seccomp_init(opener ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM));
	int ret;

	if (!ctx)
		return -ENOMEM;
	/* the kernel's own errors: one without seccomp is told by them */
	ret = seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1);
	if (!ret)
		ret = opener ? fill_opener(ctx) : fill_others(ctx, box);
	if (!ret)
		ret = seccomp_load(ctx);
	seccomp_release(ctx);
	return ret;
}

/* --- files --- */

/* What the first version of Landlock knows: every way to open, make or remove something. */
#define ALL_FILES	((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

static int landlock_allow(int set, const char *path)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = open(path, O_PATH | O_CLOEXEC),
	};
	int ret;

	if (rule.parent_fd < 0)
		return errno == ENOENT ? 0 : -errno;	/* what is not there is not read */
	ret = syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) ? -errno : 0;
	close(rule.parent_fd);
	return ret;
}

/* 0; -ENOSYS, -EOPNOTSUPP: this kernel cannot; -errno. */
static int forbid_files(const struct dmm_sandbox *box)
{
	static const char *const resolver[] = { "/etc", "/usr", "/lib", "/lib64", "/run/systemd/resolve" };
	struct landlock_ruleset_attr attr = { .handled_access_fs = ALL_FILES };
	int set = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0), ret = 0;
	size_t i;

	if (set < 0)	/* EPERM: a container's filter that does not know it */
		return errno == EPERM ? -EOPNOTSUPP : -errno;
	for (i = 0; box->kind == DMM_SANDBOX_EXPORT && i < sizeof(resolver) / sizeof(resolver[0]) && !ret; i++)
		ret = landlock_allow(set, resolver[i]);
	if (!ret && syscall(SYS_landlock_restrict_self, set, 0))
		ret = -errno;
	close(set);
	return ret;
}

/* --- user and capabilities --- */

/* Of root, who stays that: @keep (bits).  What the bounding set has does not matter where nothing is executed. */
static int keep_capabilities(u64 keep)
{
	struct { u32 version; int pid; } head = { 0x20080522, 0 };	/* _LINUX_CAPABILITY_VERSION_3 */
	struct { u32 effective, permitted, inheritable; } caps[2];
	unsigned int i;

	if (syscall(SYS_capget, &head, caps))
		return -errno;
	for (i = 0; i < 2; i++) {
		caps[i].permitted &= (u32)(keep >> 32 * i);
		caps[i].effective = caps[i].permitted;
		caps[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, caps) ? -errno : 0;
}

/* Files of all users, and what other processes have open: is the destination in use? */
#define OF_OPENER	(1ull << CAP_DAC_OVERRIDE | 1ull << CAP_SYS_PTRACE)

static int become(const struct dmm_sandbox *box)
{
	switch (box->kind) {
	case DMM_SANDBOX_OPENER:
		return keep_capabilities(OF_OPENER);
	case DMM_SANDBOX_EXPORT:
		return keep_capabilities(0);
	default:
		if (setgroups(0, NULL) || setresgid(box->uid, box->uid, box->uid) || setresuid(box->uid, box->uid, box->uid))
			return -errno;
		return 0;	/* that took all of them */
	}
}

void dmm_end_with_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
}

int dmm_sandbox_enter(const struct dmm_sandbox *box, char what[DMM_SANDBOX_WHAT])
{
	const char *files = "no files", *calls = "few system calls", *step = "user id";
	int ret = 0;

	if (!geteuid())
		ret = become(box);
	if (box->parent)
		dmm_end_with_parent(box->parent);
	if (!ret && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		step = "no_new_privs";
		ret = -errno;
	}
#ifndef __SANITIZE_ADDRESS__	/* whose search for leaks traces */
	prctl(PR_SET_DUMPABLE, 0);
#endif
	if (!ret && box->kind == DMM_SANDBOX_OPENER) {
		files = "all files";
	} else if (!ret && box->kind == DMM_SANDBOX_PROBERS) {
		/* Landlock would be its children's as well, which give up the rest */
		snprintf(what, DMM_SANDBOX_WHAT, "uid %u", (unsigned int)geteuid());
		return 0;
	} else if (!ret) {
		step = "Landlock";
		ret = forbid_files(box);
		if (ret == -ENOSYS || ret == -EOPNOTSUPP) {
			files = "files (this kernel has no Landlock)";
			ret = 0;
		}
	}
	if (!ret) {
		step = "seccomp";
		ret = filter_calls(box);
		if (ret == -EINVAL || ret == -ENOSYS || ret == -EOPNOTSUPP) {
			calls = "all system calls (this kernel has no seccomp)";
			ret = 0;
		}
	}
	if (ret) {
		snprintf(what, DMM_SANDBOX_WHAT, "its privileges cannot be given up (%s): %s", step, strerror(-ret));
		return -EPERM;
	}
	snprintf(what, DMM_SANDBOX_WHAT, "uid %u, %s, %s", (unsigned int)geteuid(), files, calls);
	return 0;
}
