// SPDX-License-Identifier: GPL-2.0
/*
 * Messages to stderr or to the journal.  A message is formatted once into a
 * bounded buffer and written by one call, so lines of several threads never
 * mix.  What is no printable UTF-8 (peers choose some of the text) becomes '?'.
 */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "log.h"
#include "parse.h"

enum log_sink {
	LOG_SINK_PLAIN,
	LOG_SINK_PREFIXED,
	LOG_SINK_JOURNAL,
};

/* constant after dmm_log_init() */
static const char *log_program = "dmmigrate";
static enum log_sink log_sink = LOG_SINK_PLAIN;
/* atomic */
static atomic_int log_max = LOG_INFO;

static void log_to_journal(int priority, const struct dmm_log_id *id, const char *text)
{
	char hex[DMM_ID_HEX] = "";
	char disk[16] = "";

	if (!id) {
		sd_journal_send("MESSAGE=%s", text, "PRIORITY=%d", priority,
				"SYSLOG_IDENTIFIER=%s", log_program, NULL);
		return;
	}
	if (!dmm_id_is_zero(id->migration))
		dmm_id_format(id->migration, hex);
	if (hex[0] && id->disk != DMM_LOG_NO_DISK)
		snprintf(disk, sizeof(disk), "%u", id->disk);
	sd_journal_send("MESSAGE=%s", text, "PRIORITY=%d", priority,
			"SYSLOG_IDENTIFIER=%s", log_program, "DMM_MIGRATION=%s", hex,
			"DMM_DISK=%s", disk, "DMM_PEER=%s", id->peer ? id->peer : "", NULL);
}

void dmm_log_init(const char *program, bool foreground)
{
	log_program = program;
	if (foreground || isatty(STDERR_FILENO))
		log_sink = LOG_SINK_PLAIN;
	else if (!access("/run/systemd/journal/socket", W_OK))
		log_sink = LOG_SINK_JOURNAL;
	else
		log_sink = LOG_SINK_PREFIXED;
	/* its socket is made by the first line: processes that make none later have it from here */
	if (log_sink == LOG_SINK_JOURNAL)
		log_to_journal(LOG_DEBUG, NULL, "log opened");
}

void dmm_log_set_max(int priority)
{
	atomic_store(&log_max, priority);
}

int dmm_log_max(void)
{
	return atomic_load(&log_max);
}

static const char *log_word(int priority)
{
	if (priority <= LOG_ERR)
		return "error: ";
	return priority == LOG_WARNING ? "warning: " : "";
}

/* "[0011.../disk 0 10.0.0.1:4711] " or nothing */
static void log_identity(char *buf, size_t size, const struct dmm_log_id *id)
{
	char hex[DMM_ID_HEX];
	size_t n = 0;

	buf[0] = '\0';
	if (!id)
		return;
	if (!dmm_id_is_zero(id->migration)) {
		dmm_id_format(id->migration, hex);
		n = snprintf(buf, size, "[%s", hex);
		if (id->disk != DMM_LOG_NO_DISK)
			n += snprintf(buf + n, size - n, "/%u", id->disk);
	}
	if (id->peer)
		n += snprintf(buf + n, size - n, "%s%.64s", n ? " " : "[", id->peer);
	if (n && n < size)
		snprintf(buf + n, size - n, "] ");
}

void dmm_log(int priority, const struct dmm_log_id *id, const char *fmt, ...)
{
	char text[1024], ident[160], line[1400];
	int saved = errno;
	va_list ap;
	int n;

	if (priority > atomic_load(&log_max))
		return;
	log_identity(ident, sizeof(ident), id);
	n = snprintf(text, sizeof(text), "%s", ident);
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	va_end(ap);
	dmm_text_clean(text);

	switch (log_sink) {
	case LOG_SINK_JOURNAL:
		log_to_journal(priority, id, text);
		break;
	case LOG_SINK_PREFIXED:
		n = snprintf(line, sizeof(line), "<%d>%s\n", priority, text);
		goto out_write;
	case LOG_SINK_PLAIN:
		n = snprintf(line, sizeof(line), "%s: %s%s\n", log_program, log_word(priority), text);
		goto out_write;
	}
	errno = saved;
	return;

out_write:
	/* Nothing can be done about a message that cannot be written. */
	if (write(STDERR_FILENO, line, n) < 0)
		errno = saved;
	errno = saved;
}
