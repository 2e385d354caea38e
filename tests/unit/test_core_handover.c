// SPDX-License-Identifier: GPL-2.0
/*
 * core/handover: every situation and event of the vectors, what no journal can hold, groups of every
 * size, and two sides that talk to each other.
 */
#include "vec_cmocka.h"
#include "vectors/handover_dest.h"
#include "vectors/handover_source.h"

static void test_source(void **state)
{
	struct dmm_vec v = { 0 };

	(void)state;
	dmm_vec_check_handover(&v, &dmm_vec_ho_source);
	vec_assert(&v);
}

static void test_dest(void **state)
{
	struct dmm_vec v = { 0 };

	(void)state;
	dmm_vec_check_handover(&v, &dmm_vec_ho_dest);
	vec_assert(&v);
}

static struct dmm_ho_config config(enum dmm_ho_role role)
{
	struct dmm_ho_config cfg = {
		.role = role, .nr_disks = 1, .instance.b = { HO_OWN }, .journal = DMM_HO_JOURNAL_LAST,
	};

	cfg.state = role == DMM_HO_SOURCE ? DMM_HO_ACTIVE : DMM_HO_RECEIVING;
	return cfg;
}

static int boot(struct dmm_ho *ho, struct dmm_ho_config cfg)
{
	struct dmm_ho_actions out;

	return dmm_ho_boot(ho, &cfg, &out);
}

static void test_boot_refuses(void **state)
{
	struct dmm_ho_config cfg;
	struct dmm_ho ho;
	int s, role;

	(void)state;
	for (role = 0; role < 5; role++) {
		cfg = config(DMM_HO_SOURCE);
		cfg.role = (enum dmm_ho_role)role;
		assert_int_equal(boot(&ho, cfg), role == DMM_HO_SOURCE ? 0 : -EINVAL);
	}
	cfg = config(DMM_HO_SOURCE);
	cfg.nr_disks = 0;
	assert_int_equal(boot(&ho, cfg), -EINVAL);
	cfg.nr_disks = DMM_HO_MAX_DISKS + 1;
	assert_int_equal(boot(&ho, cfg), -EINVAL);
	cfg.nr_disks = DMM_HO_MAX_DISKS;
	assert_int_equal(boot(&ho, cfg), 0);
	cfg.instance.b[0] = 0;
	assert_int_equal(boot(&ho, cfg), -EINVAL);
	/* what is in memory only, what is the other side's, what is nothing at all */
	for (s = -1; s <= __DMM_HO_STATE_MAX; s++) {
		cfg = config(DMM_HO_SOURCE);
		cfg.state = (enum dmm_ho_state)s;
		assert_int_equal(boot(&ho, cfg), s >= DMM_HO_ACTIVE && s <= DMM_HO_RELEASED ? 0 : -EINVAL);
		cfg = config(DMM_HO_DEST);
		cfg.state = (enum dmm_ho_state)s;
		assert_int_equal(boot(&ho, cfg), s >= DMM_HO_RECEIVING && s <= DMM_HO_SETTLED ? 0 : -EINVAL);
	}
}

/* The answer of a thread that was asked before the journal was read anew. */
static void test_answer_of_before(void **state)
{
	struct dmm_ho_event ev = { .type = DMM_HO_EV_APPENDED };
	struct dmm_ho_config cfg = config(DMM_HO_SOURCE);
	struct dmm_ho_actions out;
	struct dmm_ho ho;

	(void)state;
	cfg.journal = DMM_HO_JOURNAL_NEW;
	assert_int_equal(dmm_ho_boot(&ho, &cfg, &out), 0);
	ev.ticket = out.a[0].ticket;
	cfg.instance.b[0]++;
	assert_int_equal(dmm_ho_boot(&ho, &cfg, &out), 0);
	assert_int_equal(dmm_ho_event(&ho, &ev, &out), 0);
	assert_int_equal(ho.wait, DMM_HO_WAIT_APPEND);
	ev.ticket = ho.ticket;
	assert_int_equal(dmm_ho_event(&ho, &ev, &out), 0);
	assert_int_equal(ho.wait, DMM_HO_WAIT_NOTHING);
}

static void test_names(void **state)
{
	static const char *const names[] = {	/* numbers are journalled: they never change */
		"lost", "active", "relinquished", "released", "receiving", "complete", "owned", "running",
		"refused", "settled", "freezing", "frozen", "fenced", "unknown",
	};
	unsigned int s;

	(void)state;
	assert_int_equal(DMM_VEC_COUNT(names), __DMM_HO_STATE_MAX + 1);
	for (s = 0; s < DMM_VEC_COUNT(names); s++)
		assert_string_equal(dmm_ho_state_name((enum dmm_ho_state)s), names[s]);
	assert_string_equal(dmm_ho_state_name((enum dmm_ho_state)-1), "unknown");
}

/* Exit code 9 where the peer can't be reached: relinquished, lost, and running until the answer. */
static void test_needs_peer(void **state)
{
	static const struct {
		const struct dmm_vec_ho_side *side;
		const char *situations;
	} needs[] = {
		{ &dmm_vec_ho_source, "|relinquished|relinquished, rebooted|relinquished, unsure|taking back|releasing|"
		  "forcing|lost|lost, taking back|lost, releasing|stale|" },
		{ &dmm_vec_ho_dest, "|running, asking|running, answered|lost|lost, refusing|" },
	};
	const struct dmm_vec_ho_situation *s;
	struct dmm_ho_actions out;
	unsigned int i, k;
	struct dmm_ho ho;
	char name[64];

	(void)state;
	for (i = 0; i < DMM_VEC_COUNT(needs); i++) {
		for (k = 0; k < needs[i].side->nr_situations; k++) {
			s = &needs[i].side->situations[k];
			assert_true(dmm_vec_ho_reach(needs[i].side, s, &ho, &out));
			snprintf(name, sizeof(name), "|%s|", s->name);
			if (dmm_ho_needs_peer(&ho) != !!strstr(needs[i].situations, name))
				fail_msg("%s", s->name);
		}
	}
}

/* The state that actions of a group leave its disks in; nothing is ever lost on the way. */
struct pair {
	struct dmm_ho s, d;
	u32 committed, opened;	/* disks */
	bool held;
	int token;
};

static void act(struct pair *p, struct dmm_ho *ho, struct dmm_ho_actions out, u32 fails);

static void give(struct pair *p, struct dmm_ho *ho, struct dmm_ho_event ev, u32 fails)
{
	struct dmm_ho_actions out;

	assert_int_equal(dmm_ho_event(ho, &ev, &out), 0);
	act(p, ho, out, fails);
}

static void act(struct pair *p, struct dmm_ho *ho, struct dmm_ho_actions out, u32 fails)
{
	struct dmm_ho *peer = ho == &p->s ? &p->d : &p->s;
	struct dmm_ho_event ev;
	unsigned int i;
	u32 disk;

	for (i = 0; i < out.nr; i++) {
		struct dmm_ho_action *a = &out.a[i];

		ev = (struct dmm_ho_event){ .ticket = a->ticket, .epoch = a->epoch, .instance = a->instance };
		switch (a->type) {
		case DMM_HO_DO_APPEND:
			ev.type = DMM_HO_EV_APPENDED;
			give(p, ho, ev, fails);
			break;
		case DMM_HO_DO_SEND:
			p->token += a->msg == DMM_HO_EV_TOKEN;
			ev.type = a->msg;
			ev.state = a->state;
			ev.ticket = 0;
			give(p, peer, ev, fails);
			break;
		case DMM_HO_DO_FREEZE:
			p->held = true;
			for (disk = 0; disk < ho->nr_disks; disk++) {
				ev.type = DMM_HO_EV_FROZEN;
				ev.disk = disk;
				give(p, ho, ev, fails);
				ev.type = DMM_HO_EV_BARRIER;
				if (ho->state >= DMM_HO_FREEZING)
					give(p, peer, ev, fails);
			}
			break;
		case DMM_HO_DO_COMMIT:
			assert_int_equal(a->disk, p->committed);
			if (a->disk != fails)
				p->committed++;
			ev.type = a->disk == fails ? DMM_HO_EV_COMMIT_FAILED : DMM_HO_EV_COMMITTED;
			give(p, ho, ev, fails);
			break;
		case DMM_HO_DO_RECLAIM:
			p->committed = 0;
			break;
		case DMM_HO_DO_THAW:
			assert_int_equal(p->committed, 0);
			p->held = false;
			break;
		case DMM_HO_DO_GATES:
			p->opened = a->gate == DMM_HO_GATE_OPEN;
			break;
		default:
			break;
		}
	}
}

static void pair_boot(struct pair *p, u32 disks)
{
	struct dmm_ho_config cfg = config(DMM_HO_SOURCE);

	memset(p, 0, sizeof(*p));
	cfg.nr_disks = disks;
	assert_int_equal(boot(&p->s, cfg), 0);
	cfg = config(DMM_HO_DEST);
	cfg.nr_disks = disks;
	assert_int_equal(boot(&p->d, cfg), 0);
}

/* All disks, or none: the commit of each one fails in turn, and then none. */
static void test_groups(void **state)
{
	u32 disks, fails;
	struct pair p;

	(void)state;
	for (disks = 1; disks <= DMM_HO_MAX_DISKS; disks++) {
		for (fails = 0; fails <= disks; fails++) {
			pair_boot(&p, disks);
			give(&p, &p.s, (struct dmm_ho_event){ .type = DMM_HO_EV_CUTOVER }, fails);
			assert_int_equal(p.d.state, fails < disks ? DMM_HO_COMPLETE : DMM_HO_OWNED);
			assert_int_equal(p.s.state, fails < disks ? DMM_HO_ACTIVE : DMM_HO_RELINQUISHED);
			assert_int_equal(p.token, fails == disks);
			assert_int_equal(p.committed, fails < disks ? 0 : disks);
			assert_int_equal(p.held, fails == disks);
			assert_false(p.opened);
		}
		/* and the next epoch does it */
		if (disks > 1) {
			pair_boot(&p, disks);
			give(&p, &p.s, (struct dmm_ho_event){ .type = DMM_HO_EV_CUTOVER }, 1);
			give(&p, &p.s, (struct dmm_ho_event){ .type = DMM_HO_EV_ACQUIRE }, ~0u);
			assert_int_equal(p.d.epoch, 2);
		}
		give(&p, &p.d, (struct dmm_ho_event){ .type = DMM_HO_EV_GO }, ~0u);
		assert_true(p.opened);
		assert_int_equal(p.s.state, DMM_HO_RELINQUISHED);
		give(&p, &p.d, (struct dmm_ho_event){ .type = DMM_HO_EV_RUNS }, ~0u);
		assert_int_equal(p.s.state, DMM_HO_RELEASED);
		assert_int_equal(p.d.state, DMM_HO_SETTLED);
	}
}

/* The way back, by either side, until the gates have opened. */
static void test_way_back(void **state)
{
	struct pair p;

	(void)state;
	pair_boot(&p, 3);
	give(&p, &p.s, (struct dmm_ho_event){ .type = DMM_HO_EV_CUTOVER }, ~0u);
	give(&p, &p.s, (struct dmm_ho_event){ .type = DMM_HO_EV_ABORT }, ~0u);
	assert_int_equal(p.s.state, DMM_HO_ACTIVE);
	assert_int_equal(p.d.state, DMM_HO_REFUSED);
	assert_false(p.held);
	give(&p, &p.s, (struct dmm_ho_event){ .type = DMM_HO_EV_CUTOVER }, ~0u);
	assert_int_equal(p.d.state, DMM_HO_OWNED);
	give(&p, &p.d, (struct dmm_ho_event){ .type = DMM_HO_EV_START_FAILED }, ~0u);
	assert_int_equal(p.s.state, DMM_HO_ACTIVE);
	assert_int_equal(p.s.epoch, 2);
	give(&p, &p.s, (struct dmm_ho_event){ .type = DMM_HO_EV_CUTOVER }, ~0u);
	give(&p, &p.d, (struct dmm_ho_event){ .type = DMM_HO_EV_GO }, ~0u);
	assert_int_equal(p.d.state, DMM_HO_RUNNING);
	assert_int_equal(p.d.epoch, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_source),
		cmocka_unit_test(test_dest),
		cmocka_unit_test(test_boot_refuses),
		cmocka_unit_test(test_answer_of_before),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_needs_peer),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_way_back),
	};

	return cmocka_run_group_tests_name("core_handover", tests, NULL, NULL);
}
