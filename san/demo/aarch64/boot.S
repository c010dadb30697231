/* SPDX-License-Identifier: MIT */
/*
 * qemu's virt machine at EL1: devices at 0 to 1 GiB, memory at 1 to 2 GiB, both mapped in both
 * halves of the address space by blocks of 1 GiB (39-bit addresses); caches on, since unaligned
 * accesses and exclusive ones need normal memory.
 */
	.section .boot, "ax"
	.globl start
start:
	adrp	x0, stack_high
	mov	sp, x0
	adrp	x0, vectors
	add	x0, x0, :lo12:vectors
	msr	vbar_el1, x0
	adrp	x0, directory
	mov	x1, #0x401			/* block, device, accessed */
	str	x1, [x0]
	ldr	x1, =0x40000705			/* block at 1 GiB, normal, inner shareable, accessed */
	str	x1, [x0, #8]
	msr	ttbr0_el1, x0
	msr	ttbr1_el1, x0
	mov	x1, #0xff00			/* 0: device, 1: normal write-back */
	msr	mair_el1, x1
	ldr	x1, =0x2b5193519		/* T0SZ, T1SZ 25, 4 KiB, write-back, inner shareable, 40 bits */
	msr	tcr_el1, x1
	isb
	mrs	x1, sctlr_el1
	mov	x2, #0x1005			/* I, C, M */
	orr	x1, x1, x2
	bic	x1, x1, #2			/* no alignment checks */
	msr	sctlr_el1, x1
	isb
	mov	x29, #0
	mov	x30, #0
	bl	kernel_main
1:	wfi
	b	1b

	/* What a call may change. */
	.macro	registers op
	\op	x0, x1, [sp, #16]
	\op	x2, x3, [sp, #32]
	\op	x4, x5, [sp, #48]
	\op	x6, x7, [sp, #64]
	\op	x8, x9, [sp, #80]
	\op	x10, x11, [sp, #96]
	\op	x12, x13, [sp, #112]
	\op	x14, x15, [sp, #128]
	\op	x16, x17, [sp, #144]
	.endm

	/* An exception that is none of ours ends the machine with status 9. */
	.balign 2048
vectors:
	.rept	5
	.balign	128
	mov	w0, #9
	b	kmsan_port_stop
	.endr
	.balign	128				/* an interrupt, on this stack */
	stp	x29, x30, [sp, #-192]!
	mov	x29, sp
	registers stp
	mrs	x0, elr_el1
	mrs	x1, spsr_el1
	stp	x0, x1, [sp, #160]
	str	x18, [sp, #176]
	b	2f
	.rept	10
	.balign	128
	mov	w0, #9
	b	kmsan_port_stop
	.endr
	.balign	128
2:	bl	timer_interrupt
	ldr	x18, [sp, #176]
	ldp	x0, x1, [sp, #160]
	msr	elr_el1, x0
	msr	spsr_el1, x1
	registers ldp
	ldp	x29, x30, [sp], #192
	eret

	.bss
	.balign 4096
directory:
	.skip 4096
	.globl stack_low, stack_high
stack_low:
	.skip 65536
stack_high:
	.skip 16
	.section .note.GNU-stack, "", @progbits
