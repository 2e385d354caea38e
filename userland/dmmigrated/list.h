/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Doubly linked list in the kernel's manner: the head is a node, an entry
 * embeds one.  No locking.
 */
#ifndef DMM_LIST_H
#define DMM_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct dmm_list {
	struct dmm_list *next, *prev;
};

static inline void dmm_list_init(struct dmm_list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool dmm_list_empty(const struct dmm_list *l)
{
	return l->next == l;
}

static inline void dmm_list_add(struct dmm_list *head, struct dmm_list *node)
{
	node->prev = head;
	node->next = head->next;
	head->next->prev = node;
	head->next = node;
}

static inline void dmm_list_add_tail(struct dmm_list *head, struct dmm_list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* Leaves the node initialised, so removing twice is harmless. */
static inline void dmm_list_del(struct dmm_list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	dmm_list_init(node);
}

#define dmm_list_entry(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define dmm_list_for_each(pos, head) \
	for (pos = (head)->next; pos != (head); pos = pos->next)

/* @pos may be removed inside. */
#define dmm_list_for_each_safe(pos, tmp, head) \
	for (pos = (head)->next, tmp = pos->next; pos != (head); pos = tmp, tmp = pos->next)

#endif
