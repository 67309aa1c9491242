; The thread pool that owns a rank's cores.
;
; Control block, in int64, one cache line of eight for each that threads write:
;   0 generation   counts the tables given out           8 stop       not 0: workers return
;  16 arrived      threads that wait at the barrier     24 phase      counts barriers passed
;  32 table        33 count     of its calls            34 threads
; A call is five int64: function, operands, extent, the number of calls chained from here on (1: none), first part.
; Thread t of T does parts first + [extent·t/T, extent·(t+1)/T) of each call; between calls that are not chained, all
; threads meet.

declare i32 @sched_yield()
declare i32 @nanosleep(ptr, ptr)

@short = private constant [2 x i64] [i64 0, i64 50000]
@long = private constant [2 x i64] [i64 0, i64 1000000]

; Wait a little, and longer the more often one has waited: spin, then give the core away, then sleep 50 µs, then 1 ms.
define internal void @rest(i64 %turns) {
  %spins = icmp slt i64 %turns, 500
  br i1 %spins, label %spin, label %busy
spin:
  call void asm sideeffect "PAUSE", "~{memory}"()
  ret void
busy:
  %yields = icmp slt i64 %turns, 3000
  br i1 %yields, label %yield, label %idle
yield:
  %yielded = call i32 @sched_yield()
  ret void
idle:
  %dozes = icmp slt i64 %turns, 3200
  %duration = select i1 %dozes, ptr @short, ptr @long
  %slept = call i32 @nanosleep(ptr %duration, ptr null)
  ret void
}

; Return once the counter at %place is no longer %known.
define internal void @await(ptr %place, i64 %known) {
entry:
  br label %look
look:
  %turns = phi i64 [ 0, %entry ], [ %more, %again ]
  %now = load atomic i64, ptr %place acquire, align 8
  %same = icmp eq i64 %now, %known
  br i1 %same, label %again, label %done
again:
  call void @rest(i64 %turns)
  %more = add i64 %turns, 1
  br label %look
done:
  ret void
}

; The barrier: the last thread to arrive lets the others go.
define internal void @meet(ptr %control, i64 %threads) {
  %alone = icmp eq i64 %threads, 1
  br i1 %alone, label %done, label %arrive
arrive:
  %phase.place = getelementptr i64, ptr %control, i64 24
  %arrived.place = getelementptr i64, ptr %control, i64 16
  %phase = load atomic i64, ptr %phase.place acquire, align 8
  %before = atomicrmw add ptr %arrived.place, i64 1 acq_rel
  %others = add i64 %before, 1
  %last = icmp eq i64 %others, %threads
  br i1 %last, label %release, label %wait
release:
  store atomic i64 0, ptr %arrived.place monotonic, align 8
  %old = atomicrmw add ptr %phase.place, i64 1 release
  ret void
wait:
  call void @await(ptr %phase.place, i64 %phase)
  ret void
done:
  ret void
}

; One thread's part of every call of the table.
define internal void @work(ptr %control, i64 %thread) {
entry:
  %table.place = getelementptr i64, ptr %control, i64 32
  %table = load ptr, ptr %table.place
  %count.place = getelementptr i64, ptr %control, i64 33
  %count = load i64, ptr %count.place
  %threads.place = getelementptr i64, ptr %control, i64 34
  %threads = load i64, ptr %threads.place
  %thread.next = add i64 %thread, 1
  br label %next
next:
  %call = phi i64 [ 0, %entry ], [ %following, %finished ]
  %remain = icmp slt i64 %call, %count
  br i1 %remain, label %start, label %done
start:
  %row = mul i64 %call, 5
  %place = getelementptr i64, ptr %table, i64 %row
  %extent.place = getelementptr i64, ptr %place, i64 2
  %extent = load i64, ptr %extent.place
  %chain.place = getelementptr i64, ptr %place, i64 3
  %chain = load i64, ptr %chain.place
  %first.place = getelementptr i64, ptr %place, i64 4
  %first = load i64, ptr %first.place
  %following = add i64 %call, %chain
  %begin.scaled = mul i64 %extent, %thread
  %begin.share = sdiv i64 %begin.scaled, %threads
  %begin = add i64 %first, %begin.share
  %end.scaled = mul i64 %extent, %thread.next
  %end.share = sdiv i64 %end.scaled, %threads
  %end = add i64 %first, %end.share
  %some = icmp slt i64 %begin, %end
  br i1 %some, label %choose, label %finished
choose:
  %single = icmp eq i64 %chain, 1
  br i1 %single, label %whole, label %block
whole:
  %function = load ptr, ptr %place
  %operands.place = getelementptr i64, ptr %place, i64 1
  %operands = load ptr, ptr %operands.place
  call void %function(ptr %operands, i64 %begin, i64 %end)
  br label %finished
block:
  %part = phi i64 [ %begin, %choose ], [ %part.end, %block.end ]
  %part.end = add i64 %part, 1
  br label %link
link:
  %member = phi i64 [ 0, %block ], [ %member.next, %link ]
  %member.next = add i64 %member, 1
  %offset = mul i64 %member, 5
  %link.place = getelementptr i64, ptr %place, i64 %offset
  %link.function = load ptr, ptr %link.place
  %link.operands.place = getelementptr i64, ptr %link.place, i64 1
  %link.operands = load ptr, ptr %link.operands.place
  call void %link.function(ptr %link.operands, i64 %part, i64 %part.end)
  %linked = icmp slt i64 %member.next, %chain
  br i1 %linked, label %link, label %block.end
block.end:
  %blocks = icmp slt i64 %part.end, %end
  br i1 %blocks, label %block, label %finished
finished:
  call void @meet(ptr %control, i64 %threads)
  br label %next
done:
  ret void
}

; A worker's life: wait for a table, do its part, wait for the next.
define internal void @serve(ptr %control, i64 %thread) {
entry:
  %stop.place = getelementptr i64, ptr %control, i64 8
  br label %wait
wait:
  %known = phi i64 [ 0, %entry ], [ %generation, %serve ]
  call void @await(ptr %control, i64 %known)
  %generation = load atomic i64, ptr %control acquire, align 8
  %stop = load atomic i64, ptr %stop.place acquire, align 8
  %going = icmp eq i64 %stop, 0
  br i1 %going, label %serve, label %done
serve:
  call void @work(ptr %control, i64 %thread)
  br label %wait
done:
  ret void
}

; The caller's part: give the table out, do thread 0's share; all calls are done on return.
define internal void @run(ptr %control, ptr %table, i64 %count) {
  %table.place = getelementptr i64, ptr %control, i64 32
  store ptr %table, ptr %table.place
  %count.place = getelementptr i64, ptr %control, i64 33
  store i64 %count, ptr %count.place
  %old = atomicrmw add ptr %control, i64 1 release
  call void @work(ptr %control, i64 0)
  ret void
}

; The one entry: thread 0 runs a table, any other serves until the pool stops.
define void @brainrun_pool(ptr %control, i64 %thread, ptr %table, i64 %count) {
  %caller = icmp eq i64 %thread, 0
  br i1 %caller, label %run, label %serve
run:
  call void @run(ptr %control, ptr %table, i64 %count)
  ret void
serve:
  call void @serve(ptr %control, i64 %thread)
  ret void
}
