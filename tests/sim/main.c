// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-sim: runs schedules, each from a seed of its own.
 *
 *	dmm-sim [--first SEED] [--runs N | --seconds S] [--trace]
 *
 * The first that goes wrong is said with its seed and run once more with its trace: exit status 1.
 */
#include <stdlib.h>
#include <time.h>

#include "sim.h"

static struct sim sim;

/* What the schedules came across: without it they would prove nothing. */
struct sums {
	u64 runs, steps, writes, cutovers, ran, forced, lost, nines;
};

static bool number(const char *s, u64 *value)
{
	char *end;

	errno = 0;
	*value = strtoull(s, &end, 0);
	return *s && *s != '-' && !*end && !errno;
}

static int usage(void)
{
	fprintf(stderr, "usage: dmm-sim [--first SEED] [--runs N | --seconds S] [--trace]\n");
	return 2;
}

int main(int argc, char **argv)
{
	u64 first = 1, runs = 1000, seconds = 0, seed;
	struct sums sums = { 0 };
	bool trace = false;
	time_t began;
	int i;

	for (i = 1; i < argc; i++) {
		u64 *value = !strcmp(argv[i], "--first") ? &first : !strcmp(argv[i], "--runs") ? &runs :
			     !strcmp(argv[i], "--seconds") ? &seconds : NULL;

		if (!strcmp(argv[i], "--trace"))
			trace = true;
		else if (!value || i + 1 == argc || !number(argv[++i], value))
			return usage();
	}
	began = time(NULL);
	for (seed = first; seconds ? time(NULL) - began < (time_t)seconds : seed - first < runs; seed++) {
		if (!sim_run(&sim, seed, trace)) {
			printf("not ok seed %llu: %s\n", (unsigned long long)seed, sim.why);
			if (!trace)
				sim_run(&sim, seed, true);
			printf("again: dmm-sim --first %llu --runs 1 --trace\n", (unsigned long long)seed);
			return 1;
		}
		sums.runs++;
		sums.steps += sim.step;
		sums.writes += sim.nr_w - 1;
		sums.cutovers += sim.cutovers;
		sums.ran += sim.ran;
		sums.forced += sim.forced;
		sums.lost += sim.journals_lost;
		sums.nines += sim.nines;
	}
	printf("%llu schedules from seed %llu: %llu steps, %llu writes, %llu cutovers asked for, %llu times the gates opened, "
	       "%llu forced, %llu journals lost, %llu ended with exit code 9\n",
	       (unsigned long long)sums.runs, (unsigned long long)first, (unsigned long long)sums.steps,
	       (unsigned long long)sums.writes, (unsigned long long)sums.cutovers, (unsigned long long)sums.ran,
	       (unsigned long long)sums.forced, (unsigned long long)sums.lost, (unsigned long long)sums.nines);
	if (sums.runs >= 10000 && (!sums.ran || !sums.forced || !sums.nines || !sums.writes)) {
		printf("not ok: something that schedules are for did not happen in any\n");
		return 1;
	}
	return 0;
}
