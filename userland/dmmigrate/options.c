// SPDX-License-Identifier: GPL-2.0
/*
 * Option tables: parsing by getopt_long(3), and the help.
 */
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <string.h>

#include "options.h"
#include "parse.h"
#include <dmmigrate/uapi.h>
#include <dmmigrate/wire.h>

#define MAX_OPTIONS	24
#define OPT_BASE	256	/* beyond any character */
#define OPT_HELP	(OPT_BASE + MAX_OPTIONS)

static int bad(char *why, size_t bytes, const struct dmm_option *o, const char *value,
	       const char *expected)
{
	snprintf(why, bytes, "--%s '%.64s' is not %s", o->name, value, expected);
	return -EINVAL;
}

static int parse_ms(const char *value, u64 *ms)
{
	return dmm_parse_u64(value, 0, 1ull << 40, ms) ? dmm_parse_duration_ms(value, ms) : 0;
}

static int option_store(const struct dmm_option *o, char *value, struct dmm_args *args,
			char *why, size_t bytes)
{
	void *to = (char *)args + o->offset;
	u64 v;

	switch (o->type) {
	case DMM_OPT_FLAG:
		*(bool *)to = true;
		return 0;
	case DMM_OPT_VERIFY:
		if (value && strcmp(value, o->value))
			return bad(why, bytes, o, value, "full");
		*(value ? &args->verify_full : &args->verify) = true;
		return 0;
	case DMM_OPT_TEXT:
		if (!*value)
			return bad(why, bytes, o, value, strcmp(o->value, "CMD") ? "a name" : "a command");
		*(const char **)to = value;
		return 0;
	case DMM_OPT_LIST:
		if (args->nr_maps == DMM_MAX_LIST)
			return bad(why, bytes, o, value, "the 64th or an earlier one");
		args->maps[args->nr_maps++] = value;
		return 0;
	case DMM_OPT_RATE:
		if (dmm_parse_rate(value, &v))
			return bad(why, bytes, o, value,
				   "a rate: 100M, 1.5GiB/s (bytes per second) or unlimited");
		break;
	case DMM_OPT_BLOCK:
		if (dmm_parse_size(value, &v) || v < DMM_MIN_BLOCK_BYTES ||
		    v > DMM_MAX_BLOCK_BYTES || (v & (v - 1)))
			return bad(why, bytes, o, value, "a power of two from 4K to 1M");
		break;
	case DMM_OPT_CONNS:
		if (dmm_parse_u64(value, 1, DMM_MAX_CONNS, &v))
			return bad(why, bytes, o, value, "a number from 1 to 16");
		break;
	case DMM_OPT_SIZE:
		if (dmm_parse_size(value, &v) || !v)
			return bad(why, bytes, o, value, "a size: 64M, 1G");
		break;
	case DMM_OPT_PERIOD:
		if (dmm_parse_duration_ms(value, &v) || !v || v > UINT32_MAX)
			return bad(why, bytes, o, value, "a time: 5, 500ms, 2m");
		break;
	case DMM_OPT_TIME:
		if (dmm_parse_duration_ms(value, &v))
			return bad(why, bytes, o, value, "a time: 90, 500ms, 5m, 2h");
		break;
	case DMM_OPT_MS:
		if (parse_ms(value, &v))
			return bad(why, bytes, o, value, "a time in milliseconds: 300, 300ms, 2s");
		break;
	case DMM_OPT_FREEZE_MS:
		if (parse_ms(value, &v) || !v || v > DMM_MAX_FREEZE_MS)
			return bad(why, bytes, o, value,
				   "a time from 1 to 15000 milliseconds: 5000, 5s");
		break;
	default:
		return -EINVAL;
	}
	*(u64 *)to = v;
	return 0;
}

int dmm_options_parse(const struct dmm_option *options, int argc, char **argv,
		      struct dmm_args *args, char *why, size_t why_bytes)
{
	struct option longs[MAX_OPTIONS + 2] = { { 0 } };
	unsigned int n = 0;
	int c, ret;

	memset(args, 0, sizeof(*args));
	args->bandwidth = DMM_UNSET;
	args->block_bytes = DMM_UNSET;
	args->conns = DMM_UNSET;
	args->barrier_bytes = DMM_UNSET;
	args->barrier_ms = DMM_UNSET;
	args->timeout_ms = DMM_UNSET;
	args->max_pause_ms = DMM_UNSET;
	args->patience_ms = DMM_UNSET;
	args->interval_ms = DMM_UNSET;

	for (n = 0; options[n].name && n < MAX_OPTIONS; n++) {
		longs[n].name = options[n].name;
		longs[n].has_arg = options[n].type == DMM_OPT_FLAG ? no_argument :
				   options[n].type == DMM_OPT_VERIFY ? optional_argument : required_argument;
		longs[n].val = OPT_BASE + (int)n;
	}
	longs[n].name = "help";
	longs[n].val = OPT_HELP;

	optind = 0;	/* GNU: begin anew */
	opterr = 0;
	while ((c = getopt_long(argc, argv, "-:h", longs, NULL)) != -1) {
		if (c == OPT_HELP || c == 'h') {
			args->help = true;
			continue;
		}
		if (c == 1) {
			if (args->nr_operands == DMM_MAX_OPERANDS)
				goto err_operands;
			args->operands[args->nr_operands++] = optarg;
			continue;
		}
		if (c == '?') {
			if (optopt > 0 && optopt < OPT_BASE)
				snprintf(why, why_bytes, "there is no option -%c", optopt);
			else if (optopt >= OPT_BASE)
				snprintf(why, why_bytes, "%s takes no value", argv[optind - 1]);
			else
				snprintf(why, why_bytes, "there is no option %.64s (or it is "
					 "ambiguous)", argv[optind - 1]);
			return -EINVAL;
		}
		if (c == ':') {
			snprintf(why, why_bytes, "%.64s needs a value", argv[optind - 1]);
			return -EINVAL;
		}
		ret = option_store(&options[c - OPT_BASE], optarg, args, why, why_bytes);
		if (ret)
			return ret;
	}
	for (; optind < argc; optind++) {	/* after "--" */
		if (args->nr_operands == DMM_MAX_OPERANDS)
			goto err_operands;
		args->operands[args->nr_operands++] = argv[optind];
	}
	return 0;

err_operands:
	snprintf(why, why_bytes, "too many operands");
	return -EINVAL;
}

void dmm_options_help(FILE *f, const struct dmm_option *options)
{
	const char *help, *end;
	char left[64];

	for (; options->name; options++) {
		snprintf(left, sizeof(left), options->type == DMM_OPT_VERIFY ? "--%s[=%s]" : "--%s %s", options->name,
			 options->value ? options->value : "");
		fprintf(f, "  %-22s ", left);
		for (help = options->help; (end = strchr(help, '\n')); help = end + 1)
			fprintf(f, "%.*s\n  %-22s ", (int)(end - help), help, "");
		fprintf(f, "%s\n", help);
	}
	fprintf(f, "  %-22s %s\n", "--help", "print this");
}
