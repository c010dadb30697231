/* SPDX-License-Identifier: MIT */
/*
 * The protocol by which a grant moves a block of objects while pages are read and replaced: the slot's
 * lock bit, isolate, take, move, undo, free. What each process mirrors (the test looks these names up):
 *
 *   Reader  core/device/page.c: uz__page_load, load_word
 *   Writer  core/device/page.c: uz__page_store, publish; core/device/slot.h: uz__slot_swap;
 *           core/pool/slab.c: uz__slab_alloc, take_cell, add_block, uz__slab_free, settle_block;
 *           core/pool/block.c: uz_block_destroy
 *   Mover   core/device/evacuate.c: uz__evacuate_block, find_target, take_pool_block, uz__block_move,
 *           take_residents, still, uz__release_all; core/device/mover.c: mover_lock;
 *           core/arena/grant.c: uz_window_done;
 *           core/pool/slab_move.c: uz__slab_isolate, uz__slab_residents, uz__slab_move, uz__slab_undo;
 *           core/pool/block.c: uz_block_switch
 *
 * Two pages have their objects in a block in the window, frame W, or one of them has. Frames that are
 * freed lose their content at once, as in uz_window_done. Checked in all interleavings:
 *   - whatever a slot names is whole at any instant, locked or not: so a process may be killed there
 *   - a reader sees the last version; a frame is freed once, and only by who has it
 *   - nobody waits for what nobody will do (no invalid end state)
 *
 * BREAK_COUNT, BREAK_HANDLE, BREAK_LOCK, BREAK_ORDER, BREAK_STILL each take one check out, and spin has
 * to find what that does. Left out: raw frames, more than one class, codecs, ages, the order of stores
 * on weak machines, and time: a mover that never rests would starve a writer here, so that a grant ends
 * by its deadline is for the tests with threads.
 */
#ifndef WRITES
#define WRITES 1 /* by each writer, and one more by the first */
#endif
#ifndef READS
#define READS 1
#endif

#define NR_PAGES 2
#define NR_CELLS 2
#define NR_BLOCKS 3
#define NR_FRAMES 5
#define W 0 /* of the window: no new block is made there */
#define T 1 /* its target */
#define NONE 7
#define NO_OBJECT 0 /* as the platform gives memory back: nobody wants to read it */
#define OBJECT(page, version) (1 + (page) * 8 + (version))

/* A slot's word: handle and lock bit. */
byte slot_block[NR_PAGES];
byte slot_cell[NR_PAGES];
bool slot_lock[NR_PAGES];
byte version[NR_PAGES]; /* of what the slot names: for assertions only */

byte start[NR_BLOCKS]; /* descriptor: frame, NONE is free */
bool isolated[NR_BLOCKS];
byte used[NR_BLOCKS];
bool live[6]; /* NR_BLOCKS * NR_CELLS */
bool class_lock;

bool frame_used[NR_FRAMES];
byte owner[10]; /* NR_FRAMES * NR_CELLS: the word before the object */
byte bytes[10]; /* and the object */

#define CELL(frame, c) ((frame) * NR_CELLS + (c))
#define LIVE(block, c) ((block) * NR_CELLS + (c))

/* uz_run_free */
inline free_frame(frame)
{
	atomic {
		assert(frame_used[frame]);
		frame_used[frame] = false;
		bytes[CELL(frame, 0)] = NO_OBJECT;
		bytes[CELL(frame, 1)] = NO_OBJECT;
	}
}

/* take_cell; a block that is not isolated first, else add_block: a free index and a free frame */
inline alloc_cell(b, c)
{
	atomic {
		!class_lock ->
		b = 0;
		do
		:: b < NR_BLOCKS && start[b] != NONE && !isolated[b] && used[b] < NR_CELLS -> break
		:: b < NR_BLOCKS && !(start[b] != NONE && !isolated[b] && used[b] < NR_CELLS) -> b++
		:: b == NR_BLOCKS -> break
		od;
		if
		:: b == NR_BLOCKS ->
			b = 0;
			do
			:: start[b] != NONE -> b++
			:: else -> break
			od;
			start[b] = T + 1;
			do
			:: frame_used[start[b]] -> start[b]++
			:: else -> break
			od;
			frame_used[start[b]] = true;
			isolated[b] = false;
			used[b] = 0
		:: else
		fi;
		c = 0;
		do
		:: live[LIVE(b, c)] -> c++
		:: else -> break
		od;
		live[LIVE(b, c)] = true;
		used[b]++;
		at = CELL(start[b], c)
	}
}

/* uz__slab_free: the last object of a block destroys it */
inline free_cell(b, c)
{
	atomic {
		!class_lock ->
		assert(live[LIVE(b, c)]);
		live[LIVE(b, c)] = false;
		used[b]--;
		if
		:: used[b] == 0 ->
			class_lock = true;
			gone = start[b];
			start[b] = NONE
		:: else -> gone = NONE
		fi
	}
	if
	:: gone != NONE ->
		free_frame(gone);
		class_lock = false
	:: else
	fi
}

proctype Writer(byte page)
{
	byte b, c, at, old_b, old_c, gone, v = 0;

	do
	:: v < WRITES + (page == 0) ->
		v++;
		alloc_cell(b, c);
		owner[at] = page;
		bytes[at] = OBJECT(page, v);
		atomic { /* uz__slot_swap */
			!slot_lock[page] ->
			old_b = slot_block[page];
			old_c = slot_cell[page];
			slot_block[page] = b;
			slot_cell[page] = c;
			version[page] = v;
			b = 0;
			c = 0;
			at = 0
		}
		free_cell(old_b, old_c);
		atomic { old_b = 0; old_c = 0; gone = 0 }
	:: else -> break
	od
}

proctype Reader()
{
	byte page, at, n = 0;

	do
	:: n < READS ->
		n++;
		select(page : 0 .. NR_PAGES - 1);
		atomic { !slot_lock[page] -> slot_lock[page] = true }
		at = CELL(start[slot_block[page]], slot_cell[page]);
		assert(bytes[at] == OBJECT(page, version[page]));
		atomic { slot_lock[page] = false; page = 0; at = 0 }
	:: else -> break
	od
}

/* mover_lock: only if the slot is free and names the object */
inline take(page, b, c, ok)
{
	atomic {
		ok = !slot_lock[page];
#ifndef BREAK_HANDLE
		ok = ok && slot_block[page] == b && slot_cell[page] == c;
#endif
#ifndef BREAK_LOCK
		slot_lock[page] = slot_lock[page] || ok;
#endif
		held[page] = ok
	}
}

/* residents, who skip a cell whose owner was never written, and take for each; nr: slots taken */
inline take_residents(b)
{
	i = 0;
	nr = 0;
	ok = true;
	do
	:: i < NR_CELLS && ok ->
		atomic {
			!class_lock ->
			page = NONE;
			if
			:: start[b] != NONE && live[LIVE(b, i)] -> page = owner[CELL(start[b], i)]
			:: else
			fi
		}
		if
		:: page != NONE && held[page] -> ok = false
		:: page != NONE && !held[page] -> take(page, b, i, ok); nr = nr + ok
		:: else
		fi;
		i++
	:: else -> break
	od
}

inline release_all()
{
	i = 0;
	do
	:: i < NR_PAGES ->
		if
		:: held[i] ->
			held[i] = false;
#ifndef BREAK_LOCK
			slot_lock[i] = false
#endif
		:: else
		fi;
		i++
	:: else -> break
	od
}

/* uz__slab_move and uz_block_switch: the copy, then the descriptor */
inline move(b)
{
	atomic { !class_lock -> class_lock = true }
	moved = start[b] != NONE;
#ifndef BREAK_COUNT
	moved = moved && used[b] == nr;
#endif
	class_lock = false; /* nobody can free or make an object of a block whose slots are all held */
	if
	:: moved ->
		gone = start[b];
#ifdef BREAK_ORDER
		start[b] = T;
#endif
		owner[CELL(T, 0)] = owner[CELL(gone, 0)];
		bytes[CELL(T, 0)] = bytes[CELL(gone, 0)];
		owner[CELL(T, 1)] = owner[CELL(gone, 1)];
		bytes[CELL(T, 1)] = bytes[CELL(gone, 1)];
		start[b] = T
	:: else
	fi
}

proctype Mover()
{
	bool held[4]; /* NR_PAGES, and room that silences the C compiler */
	bool ok, moved, mine;
	byte i, nr, page, id, gone, b = 0;

	do
	:: !frame_used[W] -> break
	:: start[b] == W ->
		id = start[b];
		frame_used[T] = true; /* uz_window_target */
		atomic { /* isolate: -ESTALE when it is no block of the pool */
			!class_lock ->
			mine = start[b] != NONE && !isolated[b];
			isolated[b] = isolated[b] || mine;
			moved = false
		}
		if
		:: mine ->
			take_residents(b);
#ifndef BREAK_STILL
			ok = ok && start[b] == id;
#endif
			if
			:: ok && nr > 0 -> move(b)
			:: else
			fi;
			release_all();
			atomic { !class_lock -> isolated[b] = false } /* undo */
		:: else
		fi;
		if
		:: moved -> free_frame(id)
		:: else -> free_frame(T)
		fi;
		atomic { id = 0; gone = 0; page = 0; i = 0; nr = 0; ok = false; moved = false; mine = false }
	od
}

/* Every page is whole at this instant, whoever is doing what. */
proctype Killed()
{
	atomic {
		assert(start[slot_block[0]] != NONE && start[slot_block[1]] != NONE);
		assert(bytes[CELL(start[slot_block[0]], slot_cell[0])] == OBJECT(0, version[0]));
		assert(bytes[CELL(start[slot_block[1]], slot_cell[1])] == OBJECT(1, version[1]))
	}
}

init {
	byte c;

	atomic {
		start[1] = NONE;
		start[2] = NONE;
		frame_used[W] = true;
		live[0] = true;
		bytes[0] = OBJECT(0, 0);
		c = 1;
		do
		:: c < NR_FRAMES * NR_CELLS -> owner[c] = NONE; c++
		:: else -> break
		od;
		if
		:: used[0] = 2; /* both pages in the block that is to move */
			slot_cell[1] = 1;
			live[1] = true;
			owner[1] = 1;
			bytes[1] = OBJECT(1, 0)
		:: used[0] = 1; /* the other elsewhere, and a cell that was never used */
			used[1] = 1;
			slot_block[1] = 1;
			start[1] = T + 1;
			frame_used[T + 1] = true;
			live[LIVE(1, 0)] = true;
			owner[CELL(T + 1, 0)] = 1;
			bytes[CELL(T + 1, 0)] = OBJECT(1, 0)
		fi;
		c = 0;
		run Writer(0);
		run Writer(1);
		run Reader();
		run Killed();
		run Mover()
	}
}
