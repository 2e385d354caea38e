/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What kmod/core needs of its surroundings, in the kernel and in userland:
 * types, byte order, atomics, bit and division helpers, crc32c.
 * The only file of core with #ifdef __KERNEL__.
 */
#ifndef DMM_CORE_ENV_H
#define DMM_CORE_ENV_H

#ifdef __KERNEL__

#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/bug.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/atomic.h>
#include <linux/math64.h>
#include <linux/crc32c.h>
#include <asm/byteorder.h>
#include <asm/barrier.h>

typedef atomic64_t dmm_atomic64_t;

static inline s64 dmm_atomic64_read(const dmm_atomic64_t *v)
{
	return atomic64_read(v);
}

static inline void dmm_atomic64_set(dmm_atomic64_t *v, s64 n)
{
	atomic64_set(v, n);
}

static inline void dmm_atomic64_add(s64 n, dmm_atomic64_t *v)
{
	atomic64_add(n, v);
}

static inline void dmm_atomic64_sub(s64 n, dmm_atomic64_t *v)
{
	atomic64_sub(n, v);
}

/*
 * Atomic operations on a plain word that return its old value and are full
 * barriers.  set_bit() and its kin know single bits only.  The cast
 * is the one that the kernel's own asm-generic/bitops/atomic.h makes: an
 * atomic_long_t is a struct of nothing but one long, on every architecture,
 * so size, alignment and representation are those of the word.
 */
static inline unsigned long dmm_word_fetch_or(unsigned long mask, unsigned long *w)
{
	return (unsigned long)atomic_long_fetch_or((long)mask, (atomic_long_t *)w);
}

static inline unsigned long dmm_word_fetch_andnot(unsigned long mask, unsigned long *w)
{
	return (unsigned long)atomic_long_fetch_and((long)~mask, (atomic_long_t *)w);
}

#define dmm_read_once(x)	READ_ONCE(x)
#define dmm_smp_mb()		smp_mb()	/* what with: said where it is used */
#define dmm_likely(x)		likely(x)

/* Number of bits set; number of the lowest bit set, @w not 0. */
static inline unsigned int dmm_popcount(unsigned long w)
{
	return hweight_long(w);
}

static inline unsigned int dmm_ffs(unsigned long w)
{
	return __ffs(w);
}

/* Divide, on 32-bit too. @d not 0. */
static inline u64 dmm_div64(u64 n, u64 d)
{
	return div64_u64(n, d);
}

/*
 * Running crc32c: start with ~0, invert at the end.  @n at most 4 GiB - 1 (the
 * length of the kernel's function was an unsigned int for long).
 */
static inline u32 dmm_crc32c(u32 crc, const void *p, size_t n)
{
	return crc32c(crc, p, n);
}

#else /* !__KERNEL__ */

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <linux/types.h>
#include <asm/byteorder.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

#define cpu_to_le16(x)	__cpu_to_le16(x)
#define cpu_to_le32(x)	__cpu_to_le32(x)
#define cpu_to_le64(x)	__cpu_to_le64(x)
#define le16_to_cpu(x)	__le16_to_cpu(x)
#define le32_to_cpu(x)	__le32_to_cpu(x)
#define le64_to_cpu(x)	__le64_to_cpu(x)

#define BITS_PER_LONG	((unsigned int)(CHAR_BIT * sizeof(long)))
#define BUILD_BUG_ON(c)	((void)sizeof(char[1 - 2 * !!(c)]))

typedef struct {
	s64 counter;
} dmm_atomic64_t;

static inline s64 dmm_atomic64_read(const dmm_atomic64_t *v)
{
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);
}

static inline void dmm_atomic64_set(dmm_atomic64_t *v, s64 n)
{
	__atomic_store_n(&v->counter, n, __ATOMIC_RELAXED);
}

static inline void dmm_atomic64_add(s64 n, dmm_atomic64_t *v)
{
	__atomic_fetch_add(&v->counter, n, __ATOMIC_RELAXED);
}

static inline void dmm_atomic64_sub(s64 n, dmm_atomic64_t *v)
{
	__atomic_fetch_sub(&v->counter, n, __ATOMIC_RELAXED);
}

/* Full barriers: a sequentially consistent operation alone is less on some machines. */
static inline unsigned long dmm_word_fetch_or(unsigned long mask, unsigned long *w)
{
	unsigned long old = __atomic_fetch_or(w, mask, __ATOMIC_SEQ_CST);

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return old;
}

static inline unsigned long dmm_word_fetch_andnot(unsigned long mask, unsigned long *w)
{
	unsigned long old = __atomic_fetch_and(w, ~mask, __ATOMIC_SEQ_CST);

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return old;
}

#define dmm_read_once(x)	__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define dmm_smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define dmm_likely(x)		__builtin_expect(!!(x), 1)

static inline unsigned int dmm_popcount(unsigned long w)
{
	return (unsigned int)__builtin_popcountl(w);
}

static inline unsigned int dmm_ffs(unsigned long w)
{
	return (unsigned int)__builtin_ctzl(w);
}

static inline u64 dmm_div64(u64 n, u64 d)
{
	return n / d;
}

/* userland/lib/crc32c.c */
u32 dmm_crc32c(u32 crc, const void *p, size_t n);

#endif /* __KERNEL__ */

/* A rule of hazards.md broken on purpose; builds of the tests only. */
#ifndef DMM_MUTANT
#define DMM_MUTANT 0
#endif

#define dmm_noinline	__attribute__((__noinline__))

/* At file scope, in both worlds; gcc has it in gnu89 too. */
#define DMM_BUILD_ASSERT(cond)	_Static_assert(cond, #cond)

static inline u64 dmm_min_u64(u64 a, u64 b)
{
	return a < b ? a : b;
}

static inline u64 dmm_max_u64(u64 a, u64 b)
{
	return a > b ? a : b;
}

#endif
