// SPDX-License-Identifier: GPL-2.0
/*
 * Processor features, as Xen counts them: eight words of CPUID, of which only those bits have a name here that a guest may use.
 * What it does not see it does not miss.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "doctor.h"

#define WORDS	8

static const char *const names[WORDS][32] = {
	{ /* leaf 1, edx */
		[0] = "fpu", [1] = "vme", [2] = "de", [3] = "pse", [4] = "tsc", [5] = "msr", [6] = "pae", [7] = "mce",
		[8] = "cx8", [9] = "apic", [11] = "sep", [12] = "mtrr", [13] = "pge", [14] = "mca", [15] = "cmov", [16] = "pat",
		[17] = "pse36", [19] = "clflush", [22] = "acpi", [23] = "mmx", [24] = "fxsr", [25] = "sse", [26] = "sse2", [27] = "ss",
	},
	{ /* leaf 1, ecx */
		[0] = "sse3", [1] = "pclmulqdq", [5] = "vmx", [9] = "ssse3", [12] = "fma", [13] = "cx16", [17] = "pcid",
		[19] = "sse4.1", [20] = "sse4.2", [22] = "movbe", [23] = "popcnt", [24] = "tsc-deadline", [25] = "aes",
		[26] = "xsave", [28] = "avx", [29] = "f16c", [30] = "rdrand",
	},
	{ /* leaf 0x80000001, edx */
		[11] = "syscall", [20] = "nx", [22] = "mmxext", [25] = "fxsr-opt", [26] = "page1gb", [27] = "rdtscp",
		[29] = "lm", [30] = "3dnowext", [31] = "3dnow",
	},
	{ /* leaf 0x80000001, ecx */
		[0] = "lahf-lm", [2] = "svm", [4] = "cr8-legacy", [5] = "abm", [6] = "sse4a", [7] = "misalignsse",
		[8] = "3dnowprefetch", [11] = "xop", [16] = "fma4", [21] = "tbm", [26] = "dbext",
	},
	{ /* leaf 0xd.1, eax */
		[0] = "xsaveopt", [1] = "xsavec", [2] = "xgetbv1", [3] = "xsaves",
	},
	{ /* leaf 7, ebx */
		[0] = "fsgsbase", [1] = "tsc-adjust", [3] = "bmi1", [4] = "hle", [5] = "avx2", [7] = "smep", [8] = "bmi2",
		[9] = "erms", [10] = "invpcid", [11] = "rtm", [14] = "mpx", [16] = "avx512f", [17] = "avx512dq", [18] = "rdseed",
		[19] = "adx", [20] = "smap", [21] = "avx512ifma", [23] = "clflushopt", [24] = "clwb", [26] = "avx512pf",
		[27] = "avx512er", [28] = "avx512cd", [29] = "sha", [30] = "avx512bw", [31] = "avx512vl",
	},
	{ /* leaf 7, ecx */
		[0] = "prefetchwt1", [1] = "avx512vbmi", [2] = "umip", [3] = "pku", [6] = "avx512vbmi2", [8] = "gfni",
		[9] = "vaes", [10] = "vpclmulqdq", [11] = "avx512vnni", [12] = "avx512bitalg", [14] = "avx512vpopcntdq",
		[22] = "rdpid", [27] = "movdiri", [28] = "movdir64b",
	},
	{ NULL }, /* leaf 0x80000007, edx: none that a guest has unless it is asked for */
};

/* "0fcbf3fd:e2d8320b:...", of as many words as there are here at least. */
static int masks_parse(const char *text, u32 masks[WORDS])
{
	unsigned int i;
	int n;

	for (i = 0; i < WORDS; i++) {
		n = 0;
		if (strspn(text, "0123456789abcdefABCDEF") != 8 || sscanf(text, "%8x%n", &masks[i], &n) != 1 || n != 8)
			return -EINVAL;
		text += n;
		if (i < WORDS - 1 && *text++ != ':')
			return -EINVAL;
	}
	return *text && *text != ':' ? -EINVAL : 0;
}

int dmm_cpu_missing(const char *have, const char *lack, char *text, size_t bytes)
{
	u32 a[WORDS], b[WORDS], gone;
	unsigned int i, bit;
	size_t used = 0;
	int nr = 0;

	*text = '\0';
	if (masks_parse(have, a) || masks_parse(lack, b))
		return -EINVAL;
	for (i = 0; i < WORDS; i++) {
		gone = a[i] & ~b[i];
		for (bit = 0; bit < 32; bit++) {
			if (!(gone >> bit & 1) || !names[i][bit])
				continue;
			if (used < bytes)
				used += snprintf(text + used, bytes - used, "%s%s", nr ? " " : "", names[i][bit]);
			nr++;
		}
	}
	return nr;
}
