/* SPDX-License-Identifier: MIT */
/* Contexts: what runs in between, on another stack, or never comes back. */
#include "cases.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define MUST(x) \
	do { \
		if (!(x)) \
			exit(3); \
	} while (0)

static NOINLINE int *unwritten(void)
{
	return HIDE((int *)malloc(64)); /*@make*/
}

static int *for_handler;

static void on_signal(int sig)
{
	(void)sig;
	BRANCH(*for_handler); /*@inside*/
}

static NOINLINE int interrupted(int a, int b)
{
	raise(SIGUSR1);
	return HIDE(a) + HIDE(b);
}

static void inside_a_handler(void)
{
	for_handler = unwritten();
	signal(SIGUSR1, on_signal);
	BRANCH(interrupted(1, 2) == 3);
}

static ucontext_t here, there;
static int nr_switches;

static NOINLINE int add_up(int a, int b, int c)
{
	return a + b * c;
}

static void coroutine(void)
{
	char junk[256];

	for (;;) {
		HIDE(junk);
		nr_switches += add_up(HIDE(1), HIDE(0), HIDE(5));
		swapcontext(&there, &here);
	}
}

static void coroutines(void)
{
	int i;

	MUST(getcontext(&there) == 0);
	there.uc_stack.ss_sp = malloc(65536);
	there.uc_stack.ss_size = 65536;
	there.uc_link = NULL;
	makecontext(&there, coroutine, 0);
	for (i = 1; i <= 5; i++) {
		BRANCH(add_up(i, 1, 2) == i + 2);
		MUST(swapcontext(&here, &there) == 0);
		BRANCH(nr_switches == i);
	}
}

static void nested_contexts(void)
{
	int tokens[5], i;

	for (i = 0; i < 5; i++) {
		tokens[i] = kmsan_intr_enter();
		BRANCH(add_up(i, 2, 3) == i + 6);
	}
	for (i = 4; i >= 0; i--)
		kmsan_intr_leave(tokens[i]);
	BRANCH(add_up(1, 2, 3) == 7);
}

static NOINLINE int *read_unwritten(int **p)
{
	return *p;
}

/* Leaves the marks of an unwritten result behind. */
static NOINLINE void leave_a_result(void)
{
	int **p = (int **)(void *)unwritten();

	kmsan_disable();
	HIDE(read_unwritten(p));
	kmsan_enable();
}

/* What getcontext fills was unwritten before. */
static void context_of_the_heap(void)
{
	ucontext_t *c = malloc(sizeof(*c));

	MUST(getcontext(HIDE(c)) == 0);
	BRANCH(HIDE(c)->uc_flags == 12345);
	BRANCH(sigismember(&HIDE(c)->uc_sigmask, SIGUSR1) == 1);
	free(c);
}

static void ends(void)
{
	leave_a_result();
}

/* The end of a coroutine is a return into another one. */
static void linked_coroutine(void)
{
	MUST(getcontext(&there) == 0);
	there.uc_stack.ss_sp = malloc(65536);
	there.uc_stack.ss_size = 65536;
	there.uc_link = &here;
	makecontext(&there, ends, 0);
	BRANCH(swapcontext(&here, &there) == 0);
}

#if defined(__x86_64__)
/* A switch as libraries of coroutines have it: what calls keep, another stack, a value. */
long hop(void **from, void *to, long value);
__asm__(".text\n"
	"hop:\n"
	"	push %rbp\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	mov %rdx, %rax\n"
	"	ret\n");

static void *my_stack, *its_stack;

static void doubler(void)
{
	long v = 1;

	for (;;) {
		leave_a_result();
		v = hop(&its_stack, my_stack, 2 * v);
		BRANCH(v == 12345);
	}
}

static void own_switch(void)
{
	void **top = (void **)(void *)((char *)malloc(65536) + 65536);
	long v, i;

	top[-2] = (void *)doubler;
	its_stack = top - 8;
	MUST(hop(&my_stack, its_stack, 0) == 2);
	for (i = 1; i < 50; i++) {
		leave_a_result();
		v = hop(&my_stack, its_stack, i);
		BRANCH(v == 2 * i);
		MUST(v == 2 * i);
	}
}
#else
static void own_switch(void)
{
}
#endif

static jmp_buf back_here;

static NOINLINE void jump(int v)
{
	char junk[64];

	HIDE(junk);
	longjmp(back_here, v);
}

static void jumps(void)
{
	int v = setjmp(back_here);

	BRANCH(v == 5);
	if (!v)
		jump(HIDE(5));
}

static char *edge;
static volatile int stop;

/* Stores over the edge of a chunk of metadata take a lock of the runtime. */
static NOINLINE void cross(void)
{
	++*(volatile long *)(void *)(edge - 4);
}

static void *keep_crossing(void *arg)
{
	while (!stop)
		cross();
	return arg;
}

static bool ends_well(pid_t pid)
{
	int i, status;

	for (i = 0; i < 1000; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return !status;
		usleep(1000 + 20 * i);
	}
	kill(pid, SIGKILL);
	return false;
}

/* What another thread held when the process forked, the child can still have. */
static void forks(void)
{
	pthread_t t;
	pid_t pid;
	int i;

	edge = mmap(NULL, 32 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	edge = (char *)(((unsigned long)edge + (16 << 20)) & ~((16ul << 20) - 1));
	MUST(!pthread_create(&t, NULL, keep_crossing, NULL));
	for (i = 0; i < 100; i++) {
		pid = fork();
		if (!pid) {
			cross();
			_exit(0);
		}
		MUST(ends_well(pid));
	}
	stop = 1;
	MUST(!pthread_join(t, NULL));
}

static const struct test_case cases[] = {
	CASE(inside_a_handler), CASE(coroutines), CASE(nested_contexts), CASE(context_of_the_heap),
	CASE(linked_coroutine), CASE(own_switch), CASE(jumps),		 CASE(forks),
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return run_case(cases, argc, argv);
}
