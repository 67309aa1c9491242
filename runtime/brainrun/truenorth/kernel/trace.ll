; The potentials of some neurons after a tick, each put into its place of the tick's row.
;
; Operands: 0 where they lie, for each its address and the bytes it has, in int64; 1 the tick's row of int32.

define void @truenorth_trace(ptr %operands, i64 %begin, i64 %end) {
entry:
  %places = load ptr, ptr %operands
  %row.at = getelementptr ptr, ptr %operands, i64 1
  %row = load ptr, ptr %row.at
  br label %next
next:
  %n = phi i64 [ %begin, %entry ], [ %n.next, %known ]
  %more = icmp slt i64 %n, %end
  br i1 %more, label %look, label %done
look:
  %place = getelementptr [2 x i64], ptr %places, i64 %n
  %potential.at = load ptr, ptr %place
  %bytes.at = getelementptr i64, ptr %place, i64 1
  %bytes = load i64, ptr %bytes.at
  %short = icmp eq i64 %bytes, 2
  br i1 %short, label %narrow, label %wide
narrow:
  %half = load i16, ptr %potential.at
  %extended = sext i16 %half to i32
  br label %known
wide:
  %whole = load i32, ptr %potential.at
  br label %known
known:
  %potential = phi i32 [ %extended, %narrow ], [ %whole, %wide ]
  %traced.at = getelementptr i32, ptr %row, i64 %n
  store i32 %potential, ptr %traced.at
  %n.next = add i64 %n, 1
  br label %next
done:
  ret void
}
