; A core with stochastic synapses or leaks, neuron by neuron: the equations one after the other, and a random number
; where one is called for. What comes before this text loads the core's rows, masks and tables.

  br label %words
words:
  %k = phi i64 [ 0, %entry ], [ %k.next, %words.end ]
  %listed = phi i64 [ 0, %entry ], [ %listed.word, %words.end ]
  %word.at = getelementptr i64, ptr %active, i64 %k
  %word = load i64, ptr %word.at
  br label %bits
bits:
  %left = phi i64 [ %word, %words ], [ %left.next, %listing ]
  %listed.word = phi i64 [ %listed, %words ], [ %listed.next, %listing ]
  %none = icmp eq i64 %left, 0
  br i1 %none, label %words.end, label %listing
listing:
  %bit = call i64 @llvm.cttz.i64(i64 %left, i1 true)
  %k.axons = shl i64 %k, 6
  %axon.listed = add i64 %k.axons, %bit
  %list.at = getelementptr i64, ptr %list, i64 %listed.word
  store i64 %axon.listed, ptr %list.at
  %listed.next = add i64 %listed.word, 1
  %left.less = sub i64 %left, 1
  %left.next = and i64 %left, %left.less
  br label %bits
words.end:
  %k.next = add i64 %k, 1
  %more.words = icmp slt i64 %k.next, ${words}
  br i1 %more.words, label %words, label %neuron
neuron:
  %j = phi i64 [ 0, %words.end ], [ %j.next, %settled ]
  %place = phi i32 [ %place.first, %words.end ], [ %place.settled, %settled ]
  %events.before = phi i64 [ 0, %words.end ], [ %events, %settled ]
  %j.byte = lshr i64 %j, 3
  %j.bit = and i64 %j, 7
  %j.shift = trunc i64 %j.bit to i8
  %potential.at = getelementptr i32, ptr %potential.row, i64 %j
  %potential = load i32, ptr %potential.at
  br label %axons
axons:
  %n = phi i64 [ 0, %neuron ], [ %n.next, %axons.end ]
  %sum = phi i32 [ %potential, %neuron ], [ %sum.next, %axons.end ]
  %place.axons = phi i32 [ %place, %neuron ], [ %place.next, %axons.end ]
  %events = phi i64 [ %events.before, %neuron ], [ %events.next, %axons.end ]
  %more.axons = icmp slt i64 %n, %listed.word
  br i1 %more.axons, label %axon, label %leaks
axon:
  %axon.at = getelementptr i64, ptr %list, i64 %n
  %axon.number = load i64, ptr %axon.at
  %synapses.offset = mul i64 %axon.number, ${row}
  %synapses.byte = add i64 %synapses.offset, %j.byte
  %synapses.at = getelementptr i8, ptr %crossbar.rows, i64 %synapses.byte
  %synapses = load i8, ptr %synapses.at
  %synapses.shifted = lshr i8 %synapses, %j.shift
  %synapse = trunc i8 %synapses.shifted to i1
  br i1 %synapse, label %synaptic, label %axons.end
synaptic:
  %events.one = add i64 %events, 1
  %type.at = getelementptr i8, ptr %types.row, i64 %axon.number
  %type = load i8, ptr %type.at
  %type.wide = zext i8 %type to i64
  %weight.offset = mul i64 %type.wide, ${stride}
  %weight.row = getelementptr i8, ptr %weights.row, i64 %weight.offset
  %weight.at = getelementptr i32, ptr %weight.row, i64 %j
  %weight = load i32, ptr %weight.at
  %type.mask = mul i64 %type.wide, ${row}
  %type.byte = add i64 %type.mask, %j.byte
  %random.start = getelementptr i8, ptr %masks.row, i64 ${weights_mask}
  %random.at = getelementptr i8, ptr %random.start, i64 %type.byte
  %random.bits = load i8, ptr %random.at
  %random.shifted = lshr i8 %random.bits, %j.shift
  %random = trunc i8 %random.shifted to i1
  br i1 %random, label %synapse.drawn, label %synapse.added
synapse.drawn:
  %weight.drawn = call i32 @sign_at_random(i32 %weight, i32 %place.axons, ptr %sequence)
  %place.after = call i32 @next_place(i32 %place.axons)
  br label %synapse.added
synapse.added:
  %added = phi i32 [ %weight, %synaptic ], [ %weight.drawn, %synapse.drawn ]
  %place.added = phi i32 [ %place.axons, %synaptic ], [ %place.after, %synapse.drawn ]
  %sum.added = add i32 %sum, %added
  br label %axons.end
axons.end:
  %sum.next = phi i32 [ %sum, %axon ], [ %sum.added, %synapse.added ]
  %place.next = phi i32 [ %place.axons, %axon ], [ %place.added, %synapse.added ]
  %events.next = phi i64 [ %events, %axon ], [ %events.one, %synapse.added ]
  %n.next = add i64 %n, 1
  br label %axons
leaks:
${integrated}
  %leak.at = getelementptr i32, ptr %leak.row, i64 %j
  %leak = load i32, ptr %leak.at
  br i1 %draws_leak, label %leak.drawn, label %leak.known
leak.drawn:
  %leak.sign = call i32 @sign_at_random(i32 %leak, i32 %place.axons, ptr %sequence)
  %place.leak = call i32 @next_place(i32 %place.axons)
  %leak.random = call i1 @bit_of(ptr %masks.row, i64 ${leak_mask}, i64 %j)
  %leak.chosen = select i1 %leak.random, i32 %leak.sign, i32 %leak
  br label %leak.known
leak.known:
  %leaking = phi i32 [ %leak, %leaks ], [ %leak.chosen, %leak.drawn ]
  %place.leaked = phi i32 [ %place.axons, %leaks ], [ %place.leak, %leak.drawn ]
  %reversal = call i1 @bit_of(ptr %masks.row, i64 ${reversal_mask}, i64 %j)
  %positive = icmp sgt i32 %integrated, 0
  %negative = icmp slt i32 %integrated, 0
  %against = sub i32 0, %leaking
  %downward = select i1 %negative, i32 %against, i32 0
  %signed = select i1 %positive, i32 %leaking, i32 %downward
  %leak.added = select i1 %reversal, i32 %signed, i32 %leaking
  %leaked = add i32 %integrated, %leak.added
${full}
  br i1 %draws_threshold, label %threshold.drawn, label %threshold.known
threshold.drawn:
  %place.wide = zext i32 %place.leaked to i64
  %number.at = getelementptr i16, ptr %sequence, i64 %place.wide
  %number = load i16, ptr %number.at
  %number.wide = zext i16 %number to i32
  %threshold_mask.at = getelementptr i32, ptr %threshold_mask.row, i64 %j
  %threshold_mask = load i32, ptr %threshold_mask.at
  %drawn = and i32 %number.wide, %threshold_mask
  %place.threshold = call i32 @next_place(i32 %place.leaked)
  br label %threshold.known
threshold.known:
  %eta = phi i32 [ 0, %leak.known ], [ %drawn, %threshold.drawn ]
  %place.settled = phi i32 [ %place.leaked, %leak.known ], [ %place.threshold, %threshold.drawn ]
  %threshold.at = getelementptr i32, ptr %threshold.row, i64 %j
  %threshold = load i32, ptr %threshold.at
  %threshold.moved = add i32 %threshold, %eta
  %fires = icmp sge i32 %full, %threshold.moved
  br i1 %fires, label %fired.way, label %unfired
fired.way:
  %fired_adds.at = getelementptr i32, ptr %fired_adds.row, i64 %j
  %fired_adds = load i32, ptr %fired_adds.at
  %fired.keeps = call i1 @bit_of(ptr %masks.row, i64 ${fired_keeps}, i64 %j)
  %fired.kept = select i1 %fired.keeps, i32 %full, i32 0
  %fired.moves = call i1 @bit_of(ptr %masks.row, i64 ${fired_moves}, i64 %j)
  %fired.moved = select i1 %fired.moves, i32 %eta, i32 0
  %fired.adds = sub i32 %fired_adds, %fired.moved
  %fired.value = add i32 %fired.kept, %fired.adds
  %fired.at = getelementptr i8, ptr %fired, i64 %j.byte
  %fired.bits = load i8, ptr %fired.at
  %fired.one = shl i8 1, %j.shift
  %fired.with = or i8 %fired.bits, %fired.one
  store i8 %fired.with, ptr %fired.at
  br label %settled
unfired:
  %floor.at = getelementptr i32, ptr %floor.row, i64 %j
  %floor = load i32, ptr %floor.at
  %floor.moves = call i1 @bit_of(ptr %masks.row, i64 ${floor_moves}, i64 %j)
  %floor.moved = select i1 %floor.moves, i32 %eta, i32 0
  %floor.now = sub i32 %floor, %floor.moved
  %falls = icmp slt i32 %full, %floor.now
  br i1 %falls, label %floored.way, label %settled
floored.way:
  %floored_adds.at = getelementptr i32, ptr %floored_adds.row, i64 %j
  %floored_adds = load i32, ptr %floored_adds.at
  %floored.keeps = call i1 @bit_of(ptr %masks.row, i64 ${floored_keeps}, i64 %j)
  %floored.kept = select i1 %floored.keeps, i32 %full, i32 0
  %floored.moves = call i1 @bit_of(ptr %masks.row, i64 ${floored_moves}, i64 %j)
  %floored.moved = select i1 %floored.moves, i32 %eta, i32 0
  %floored.adds = add i32 %floored_adds, %floored.moved
  %floored.value = add i32 %floored.kept, %floored.adds
  br label %settled
settled:
  %value = phi i32 [ %fired.value, %fired.way ], [ %full, %unfired ], [ %floored.value, %floored.way ]
  store i32 %value, ptr %potential.at
  %j.next = add i64 %j, 1
  %more.neurons = icmp slt i64 %j.next, ${neurons}
  br i1 %more.neurons, label %neuron, label %end
end:
  store i32 %place.settled, ptr %place.at
  %result.awake = insertvalue { i1, i64 } undef, i1 true, 0
  %result = insertvalue { i1, i64 } %result.awake, i64 %events, 1
  ret { i1, i64 } %result
}

declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare i32 @llvm.smax.i32(i32, i32)
declare i32 @llvm.smin.i32(i32, i32)
declare i32 @llvm.abs.i32(i32, i1)

; F(s, ρ) sgn(s): the sign of a weight or leak if its size is at least ρ, the place's low 8 bits, and 0 otherwise.
define internal i32 @sign_at_random(i32 %value, i32 %place, ptr %sequence) {
  %place.wide = zext i32 %place to i64
  %number.at = getelementptr i16, ptr %sequence, i64 %place.wide
  %number = load i16, ptr %number.at
  %number.low = and i16 %number, 255
  %rho = zext i16 %number.low to i32
  %size = call i32 @llvm.abs.i32(i32 %value, i1 false)
  %passes = icmp sge i32 %size, %rho
  %above = icmp sgt i32 %value, 0
  %below = icmp slt i32 %value, 0
  %plus = zext i1 %above to i32
  %minus = sext i1 %below to i32
  %sign = or i32 %plus, %minus
  %result = select i1 %passes, i32 %sign, i32 0
  ret i32 %result
}

define internal i32 @next_place(i32 %place) {
  %next = add i32 %place, 1
  %wraps = icmp eq i32 %next, 65535
  %result = select i1 %wraps, i32 0, i32 %next
  ret i32 %result
}

define internal i1 @bit_of(ptr %masks, i64 %mask, i64 %j) {
  %j.byte = lshr i64 %j, 3
  %byte = add i64 %mask, %j.byte
  %at = getelementptr i8, ptr %masks, i64 %byte
  %bits = load i8, ptr %at
  %j.bit = and i64 %j, 7
  %shift = trunc i64 %j.bit to i8
  %shifted = lshr i8 %bits, %shift
  %bit = trunc i8 %shifted to i1
  ret i1 %bit
}
