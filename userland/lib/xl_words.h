/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What xl of Xen 4.17 says at the end of a move (tools/xl/xl_migrate.c), as it is on the wire: with the zero at the end.
 */
#ifndef DMM_XL_WORDS_H
#define DMM_XL_WORDS_H

#define DMM_XL_READY	"domain received, ready to unpause"
#define DMM_XL_GO	"domain is yours, you are cleared to unpause"
#define DMM_XL_REPORT	"my copy unpause results are as follows"	/* a byte follows: 0, it runs */

#endif
