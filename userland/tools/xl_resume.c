// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-xl-resume DOMAIN: a domain that was suspended for a migration which came to nothing goes on here, as xl migrate has it when it
 * fails by itself.  xl 4.17 has no command for that.  By libxl, and a program of its own, so that nothing else needs that library.
 *
 * It does not know whose the domain's disks are: dmmigrate does, and begins it only where they are this host's.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBXL_API_VERSION	0x041300
#include <libxl.h>
#include <libxl_utils.h>

/* As everywhere in dmmigrate; dmmigrate/tool.h has the rest. */
enum { EXIT_DONE = 0, EXIT_USAGE = 2, EXIT_PREFLIGHT = 3, EXIT_LOCAL = 5 };

static int failed(int code, const char *name, const char *what)
{
	fprintf(stderr, "dmm-xl-resume: %s: %s\n", name, what);
	return code;
}

static int resume(libxl_ctx *ctx, const char *name)
{
	libxl_dominfo info;
	uint32_t domid;
	bool suspended;
	int ret;

	if (libxl_domain_qualifier_to_domid(ctx, name, &domid))
		return failed(EXIT_PREFLIGHT, name, "there is no such domain: see xl list");
	libxl_dominfo_init(&info);
	ret = libxl_domain_info(ctx, &info, domid);
	suspended = !ret && info.shutdown && info.shutdown_reason == LIBXL_SHUTDOWN_REASON_SUSPEND;
	libxl_dominfo_dispose(&info);
	if (ret)
		return failed(EXIT_LOCAL, name, "libxl cannot tell how it is");
	if (!suspended)
		return failed(EXIT_PREFLIGHT, name, "it is not suspended: nothing was done");
	/* it takes the hypercall's return for a suspension that was cancelled: its devices are as they were */
	if (libxl_domain_resume(ctx, domid, 1, NULL))
		return failed(EXIT_LOCAL, name, "libxl cannot resume it");
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	xentoollog_logger_stdiostream *log;
	libxl_ctx *ctx;
	int ret;

	if (argc != 2 || argv[1][0] == '-') {
		fprintf(stderr, "usage: dmm-xl-resume DOMAIN\n");
		return EXIT_USAGE;
	}
	log = xtl_createlogger_stdiostream(stderr, XTL_ERROR, 0);
	if (!log || libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, (xentoollog_logger *)log))
		return failed(EXIT_LOCAL, argv[1], "libxl does not begin: is this a Xen host?");
	ret = resume(ctx, argv[1]);
	libxl_ctx_free(ctx);
	xtl_logger_destroy((xentoollog_logger *)log);
	return ret;
}
