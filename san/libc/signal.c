/* SPDX-License-Identifier: MIT */
/*
 * Signals and jumps. A handler runs in a context of its own: what the program installs is
 * a trampoline, and it finds the program's handler in a table when the signal comes.
 *
 * A jump out of handlers leaves their contexts; which, the stack pointer in the jump buffer
 * says, which glibc hides by a rotation and a per-process number (x86_64). What lies between
 * the two stack pointers is no longer anybody's.
 */
#include "wrap.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

static struct sigaction actions[NSIG]; /* as the program gave them */

int __wrap_sigaction(int sig, const struct sigaction *act, struct sigaction *old);
sighandler_t __wrap_signal(int sig, sighandler_t fn);
sighandler_t __wrap_bsd_signal(int sig, sighandler_t fn);
sighandler_t __wrap_ssignal(int sig, sighandler_t fn);
sighandler_t __wrap_sysv_signal(int sig, sighandler_t fn);
sighandler_t __wrap___sysv_signal(int sig, sighandler_t fn);
sighandler_t __wrap_sigset(int sig, sighandler_t fn);
_Noreturn void __wrap_longjmp(jmp_buf b, int v);
_Noreturn void __wrap__longjmp(jmp_buf b, int v);
_Noreturn void __wrap_siglongjmp(sigjmp_buf b, int v);
_Noreturn void __wrap___longjmp_chk(jmp_buf b, int v);
_Noreturn void __real_longjmp(jmp_buf b, int v);
_Noreturn void __real__longjmp(jmp_buf b, int v);
_Noreturn void __real_siglongjmp(sigjmp_buf b, int v);
_Noreturn void __real___longjmp_chk(jmp_buf b, int v);
pid_t __wrap_vfork(void);

uintptr_t kmsan__stack_pointer(const ucontext_t *uc)
{
#if defined(__x86_64__)
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
#else
	return (uintptr_t)uc->uc_mcontext.sp;
#endif
}

/* As the kernel does, all three are passed to each handler: another thread may change it now. */
static void trampoline(int sig, siginfo_t *info, void *uc)
{
	int token = kmsan__intr_enter_at(kmsan__stack_pointer(uc));

	K_OUT(info, sizeof(*info));
	K_OUT(uc, sizeof(ucontext_t));
	kmsan__load_acquire (&actions[sig].sa_sigaction)(sig, info, uc);
	kmsan_intr_leave(token);
}

static bool is_function(const struct sigaction *a)
{
	return a->sa_handler != SIG_DFL && a->sa_handler != SIG_IGN;
}

int __wrap_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction real, before;
	int ret;

	K_ENTER;
	if (sig <= 0 || sig >= NSIG || !act) {
		before = actions[sig > 0 && sig < NSIG ? sig : 0];
		ret = sigaction(sig, act, old);
	} else {
		K_IN(&act->sa_handler, sizeof(act->sa_handler));
		K_IN(&act->sa_mask, 8);
		K_IN(&act->sa_flags, sizeof(act->sa_flags));
		real = *act;
		before = actions[sig];
		if (is_function(act)) {
			actions[sig] = *act;
			real.sa_sigaction = trampoline;
			real.sa_flags |= SA_SIGINFO;
		}
		ret = sigaction(sig, &real, old);
	}
	if (ret || !old)
		return ret;
	if (old->sa_sigaction == trampoline)
		*old = before;
	K_OUT(old, sizeof(*old));
	return 0;
}

static sighandler_t install(int sig, sighandler_t fn, int flags)
{
	struct sigaction act = { .sa_handler = fn, .sa_flags = flags }, old;

	if (fn == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	sigemptyset(&act.sa_mask);
	if (!(flags & SA_NODEFER))
		sigaddset(&act.sa_mask, sig);
	K_OUT(&act, sizeof(act));
	return __wrap_sigaction(sig, &act, &old) ? SIG_ERR : old.sa_handler;
}

sighandler_t __wrap_signal(int sig, sighandler_t fn)
{
	return install(sig, fn, SA_RESTART);
}

sighandler_t __wrap_bsd_signal(int sig, sighandler_t fn)
{
	return install(sig, fn, SA_RESTART);
}

sighandler_t __wrap_ssignal(int sig, sighandler_t fn)
{
	return install(sig, fn, SA_RESTART);
}

sighandler_t __wrap_sysv_signal(int sig, sighandler_t fn)
{
	return install(sig, fn, (int)(SA_RESETHAND | SA_NODEFER));
}

sighandler_t __wrap___sysv_signal(int sig, sighandler_t fn)
{
	return install(sig, fn, (int)(SA_RESETHAND | SA_NODEFER));
}

/* Of old: it unblocks the signal, or blocks it, and tells whether it was. */
sighandler_t __wrap_sigset(int sig, sighandler_t fn)
{
	struct sigaction act = { .sa_handler = SIG_ERR };
	sigset_t one, before;

	sigemptyset(&one);
	if (sigaddset(&one, sig))
		return SIG_ERR;
	if (fn == SIG_HOLD)
		__wrap_sigaction(sig, NULL, &act);
	else
		act.sa_handler = install(sig, fn, 0);
	if (act.sa_handler == SIG_ERR ||
	    sigprocmask(fn == SIG_HOLD ? SIG_BLOCK : SIG_UNBLOCK, &one, &before))
		return SIG_ERR;
	return sigismember(&before, sig) ? SIG_HOLD : act.sa_handler;
}

static uintptr_t target_sp(const jmp_buf b)
{
#if defined(__x86_64__)
	uintptr_t sp = (uintptr_t)b[0].__jmpbuf[6];

	__asm__("ror $17, %0\n\txor %%fs:0x30, %0" : "+r"(sp));
	return sp;
#else
	(void)b;
	return 0;
#endif
}

static void before_jump(const jmp_buf b)
{
	uintptr_t sp = target_sp(b), here = (uintptr_t)__builtin_frame_address(0);

	if (!sp)
		return;
	kmsan__jump_to(sp);
	if (sp > here && sp < kmsan__self.stack_high && here >= kmsan__self.stack_low)
		kmsan__set((void *)here, sp - here, 0, 0);
}

void __wrap_longjmp(jmp_buf b, int v)
{
	before_jump(b);
	__real_longjmp(b, v);
}

void __wrap__longjmp(jmp_buf b, int v)
{
	before_jump(b);
	__real__longjmp(b, v);
}

void __wrap_siglongjmp(sigjmp_buf b, int v)
{
	before_jump(b);
	__real_siglongjmp(b, v);
}

void __wrap___longjmp_chk(jmp_buf b, int v)
{
	before_jump(b);
	__real___longjmp_chk(b, v);
}

/* The child would overwrite the context of its parent: it gets memory of its own. */
pid_t __wrap_vfork(void)
{
	return fork();
}
