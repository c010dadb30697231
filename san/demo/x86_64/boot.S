/* SPDX-License-Identifier: MIT */
/* Multiboot, 32-bit, to long mode: 1 GiB mapped at 0 and at the last 2 GiB, by pages of 2 MiB. */
#define MAGIC 0x1badb002

	.section .boot, "ax"
	.code32
	.align 4
	.long MAGIC, 0, -MAGIC
	.globl start
start:
	mov	$stack_high, %esp
	mov	$pdpt + 3, %eax
	mov	%eax, pml4
	mov	%eax, pml4 + 511 * 8
	mov	$directory + 3, %eax
	mov	%eax, pdpt
	mov	%eax, pdpt + 510 * 8
	mov	$directory, %edi
	mov	$0x83, %eax
	mov	$512, %ecx
1:	mov	%eax, (%edi)
	add	$0x200000, %eax
	add	$8, %edi
	loop	1b
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	%cr4, %eax
	or	$0x20, %eax		/* PAE */
	mov	%eax, %cr4
	mov	$0xc0000080, %ecx	/* EFER */
	rdmsr
	or	$0x100, %eax		/* LME */
	wrmsr
	mov	%cr0, %eax
	or	$0x80000000, %eax	/* PG */
	mov	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$8, $long_mode
	.code64
long_mode:
	xor	%eax, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%ebp, %ebp
	call	kernel_main
1:	hlt
	jmp	1b

	.globl timer_entry
timer_entry:
	push	(%rsp)			/* a frame, for stack traces */
	push	%rbp
	mov	%rsp, %rbp
	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	and	$-16, %rsp
	cld
	call	timer_interrupt
	lea	-72(%rbp), %rsp
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rax
	pop	%rbp
	add	$8, %rsp
	iretq

	.align 8
gdt:	.quad 0, 0x00209a0000000000
gdt_pointer:
	.word . - gdt - 1
	.long gdt

	.bss
	.align 4096
pml4:	.skip 4096
pdpt:	.skip 4096
directory:
	.skip 4096
	.globl stack_low, stack_high
stack_low:
	.skip 65536
stack_high:
	.section .note.GNU-stack, "", @progbits
