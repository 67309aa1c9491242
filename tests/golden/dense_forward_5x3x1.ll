; y[b,o] = Σ_i x[b,i] · w[i,o], then target0 = max((sum + row1), 0)
; 5 samples, 3 inputs, 1 outputs
; tile: 1 rows × 1 panels of 16, so that all sums stay in registers
; unit: 1 rows × 1 panels, the sum in 1 passes

define void @dense_forward_5x3x1(ptr noalias readonly %operands, i64 %begin, i64 %end) {
entry:
  %place.1 = getelementptr inbounds ptr, ptr %operands, i64 0
  %place.2 = getelementptr inbounds ptr, ptr %operands, i64 1
  %place.3 = getelementptr inbounds ptr, ptr %operands, i64 2
  %place.4 = getelementptr inbounds ptr, ptr %operands, i64 3
  %operand.5 = load ptr, ptr %place.1
  %operand.6 = load ptr, ptr %place.2
  %operand.7 = load ptr, ptr %place.3
  %operand.8 = load ptr, ptr %place.4
  br label %unit.9.head
unit.9.head:
  %unit.9 = phi i64 [ %begin, %entry ], [ %unit.9.next, %panel.group.17.done ]
  %unit.9.more = icmp slt i64 %unit.9, %end
  br i1 %unit.9.more, label %unit.9.body, label %unit.9.done
unit.9.body:
  %row.unit.10 = udiv i64 %unit.9, 1
  %panel.unit.11 = urem i64 %unit.9, 1
  %row.left.12 = sub nsw i64 1, %row.unit.10
  %row.count.13 = call i64 @llvm.smin.i64(i64 %row.left.12, i64 1)
  %panel.left.14 = sub nsw i64 1, %panel.unit.11
  %panel.count.15 = call i64 @llvm.smin.i64(i64 %panel.left.14, i64 1)
  %panel.groups.16 = udiv i64 %panel.count.15, 1
  br label %panel.group.17.head
panel.group.17.head:
  %panel.group.17 = phi i64 [ 0, %unit.9.body ], [ %panel.group.17.next, %row.tile.19.done ]
  %panel.group.17.more = icmp slt i64 %panel.group.17, %panel.groups.16
  br i1 %panel.group.17.more, label %panel.group.17.body, label %panel.group.17.done
panel.group.17.body:
  %row.tiles.18 = udiv i64 %row.count.13, 1
  br label %row.tile.19.head
row.tile.19.head:
  %row.tile.19 = phi i64 [ 0, %panel.group.17.body ], [ %row.tile.19.next, %k.tail.159.done ]
  %row.tile.19.more = icmp slt i64 %row.tile.19, %row.tiles.18
  br i1 %row.tile.19.more, label %row.tile.19.body, label %row.tile.19.done
row.tile.19.body:
  %row.here.20 = add nsw i64 %row.unit.10, %row.tile.19
  %panel.here.21 = add nsw i64 %panel.unit.11, %panel.group.17
  %result.22 = mul nsw i64 %panel.here.21, 16
  %result.23 = mul nsw i64 %row.here.20, 16
  %result.24 = add nsw i64 %result.22, %result.23
  %scalars.25 = mul nsw i64 0, 16
  %scalars.26 = mul nsw i64 %row.here.20, 16
  %scalars.27 = add nsw i64 %scalars.25, %scalars.26
  %at.28 = getelementptr inbounds float, ptr %operand.7, i64 %scalars.27
  %vectors.29 = mul nsw i64 %panel.here.21, 48
  %vectors.30 = mul nsw i64 0, 256
  %vectors.31 = add nsw i64 %vectors.29, %vectors.30
  %at.32 = getelementptr inbounds float, ptr %operand.6, i64 %vectors.31
  br label %k.block.33.head
k.block.33.head:
  %k.block.33 = phi i64 [ 0, %row.tile.19.body ], [ %k.block.33.next, %k.37.done ]
  %k.block.carried.34 = phi <16 x float> [ zeroinitializer, %row.tile.19.body ], [ %k.carried.38, %k.37.done ]
  %k.block.33.more = icmp slt i64 %k.block.33, 0
  br i1 %k.block.33.more, label %k.block.33.body, label %k.block.33.done
k.block.33.body:
  %scalar.block.35 = mul nsw i64 %k.block.33, 16
  %vector.block.36 = mul nsw i64 %k.block.33, 256
  br label %k.37.head
k.37.head:
  %k.37 = phi i64 [ 0, %k.block.33.body ], [ %k.37.next, %k.37.body ]
  %k.carried.38 = phi <16 x float> [ %k.block.carried.34, %k.block.33.body ], [ %sum.154, %k.37.body ]
  %k.37.more = icmp slt i64 %k.37, 1
  br i1 %k.37.more, label %k.37.body, label %k.37.done
k.37.body:
  %scalar.39 = mul nsw i64 %k.37, 16
  %scalar.40 = add nsw i64 %scalar.block.35, %scalar.39
  %vector.41 = mul nsw i64 %k.37, 256
  %vector.42 = add nsw i64 %vector.block.36, %vector.41
  %at.43 = getelementptr inbounds float, ptr %at.28, i64 %scalar.40
  %at.44 = getelementptr inbounds float, ptr %at.32, i64 %vector.42
  %vector.45 = load <16 x float>, ptr %at.44, align 64
  %scalar.46 = load float, ptr %at.43, align 4
  %scalar.47 = insertelement <16 x float> poison, float %scalar.46, i64 0
  %scalar.48 = shufflevector <16 x float> %scalar.47, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.49 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.48, <16 x float> %vector.45, <16 x float> %k.carried.38)
  %at.50 = getelementptr inbounds float, ptr %at.44, i64 16
  %vector.51 = load <16 x float>, ptr %at.50, align 64
  %at.52 = getelementptr inbounds float, ptr %at.43, i64 1
  %scalar.53 = load float, ptr %at.52, align 4
  %scalar.54 = insertelement <16 x float> poison, float %scalar.53, i64 0
  %scalar.55 = shufflevector <16 x float> %scalar.54, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.56 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.55, <16 x float> %vector.51, <16 x float> %sum.49)
  %at.57 = getelementptr inbounds float, ptr %at.44, i64 32
  %vector.58 = load <16 x float>, ptr %at.57, align 64
  %at.59 = getelementptr inbounds float, ptr %at.43, i64 2
  %scalar.60 = load float, ptr %at.59, align 4
  %scalar.61 = insertelement <16 x float> poison, float %scalar.60, i64 0
  %scalar.62 = shufflevector <16 x float> %scalar.61, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.63 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.62, <16 x float> %vector.58, <16 x float> %sum.56)
  %at.64 = getelementptr inbounds float, ptr %at.44, i64 48
  %vector.65 = load <16 x float>, ptr %at.64, align 64
  %at.66 = getelementptr inbounds float, ptr %at.43, i64 3
  %scalar.67 = load float, ptr %at.66, align 4
  %scalar.68 = insertelement <16 x float> poison, float %scalar.67, i64 0
  %scalar.69 = shufflevector <16 x float> %scalar.68, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.70 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.69, <16 x float> %vector.65, <16 x float> %sum.63)
  %at.71 = getelementptr inbounds float, ptr %at.44, i64 64
  %vector.72 = load <16 x float>, ptr %at.71, align 64
  %at.73 = getelementptr inbounds float, ptr %at.43, i64 4
  %scalar.74 = load float, ptr %at.73, align 4
  %scalar.75 = insertelement <16 x float> poison, float %scalar.74, i64 0
  %scalar.76 = shufflevector <16 x float> %scalar.75, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.77 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.76, <16 x float> %vector.72, <16 x float> %sum.70)
  %at.78 = getelementptr inbounds float, ptr %at.44, i64 80
  %vector.79 = load <16 x float>, ptr %at.78, align 64
  %at.80 = getelementptr inbounds float, ptr %at.43, i64 5
  %scalar.81 = load float, ptr %at.80, align 4
  %scalar.82 = insertelement <16 x float> poison, float %scalar.81, i64 0
  %scalar.83 = shufflevector <16 x float> %scalar.82, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.84 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.83, <16 x float> %vector.79, <16 x float> %sum.77)
  %at.85 = getelementptr inbounds float, ptr %at.44, i64 96
  %vector.86 = load <16 x float>, ptr %at.85, align 64
  %at.87 = getelementptr inbounds float, ptr %at.43, i64 6
  %scalar.88 = load float, ptr %at.87, align 4
  %scalar.89 = insertelement <16 x float> poison, float %scalar.88, i64 0
  %scalar.90 = shufflevector <16 x float> %scalar.89, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.91 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.90, <16 x float> %vector.86, <16 x float> %sum.84)
  %at.92 = getelementptr inbounds float, ptr %at.44, i64 112
  %vector.93 = load <16 x float>, ptr %at.92, align 64
  %at.94 = getelementptr inbounds float, ptr %at.43, i64 7
  %scalar.95 = load float, ptr %at.94, align 4
  %scalar.96 = insertelement <16 x float> poison, float %scalar.95, i64 0
  %scalar.97 = shufflevector <16 x float> %scalar.96, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.98 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.97, <16 x float> %vector.93, <16 x float> %sum.91)
  %at.99 = getelementptr inbounds float, ptr %at.44, i64 128
  %vector.100 = load <16 x float>, ptr %at.99, align 64
  %at.101 = getelementptr inbounds float, ptr %at.43, i64 8
  %scalar.102 = load float, ptr %at.101, align 4
  %scalar.103 = insertelement <16 x float> poison, float %scalar.102, i64 0
  %scalar.104 = shufflevector <16 x float> %scalar.103, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.105 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.104, <16 x float> %vector.100, <16 x float> %sum.98)
  %at.106 = getelementptr inbounds float, ptr %at.44, i64 144
  %vector.107 = load <16 x float>, ptr %at.106, align 64
  %at.108 = getelementptr inbounds float, ptr %at.43, i64 9
  %scalar.109 = load float, ptr %at.108, align 4
  %scalar.110 = insertelement <16 x float> poison, float %scalar.109, i64 0
  %scalar.111 = shufflevector <16 x float> %scalar.110, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.112 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.111, <16 x float> %vector.107, <16 x float> %sum.105)
  %at.113 = getelementptr inbounds float, ptr %at.44, i64 160
  %vector.114 = load <16 x float>, ptr %at.113, align 64
  %at.115 = getelementptr inbounds float, ptr %at.43, i64 10
  %scalar.116 = load float, ptr %at.115, align 4
  %scalar.117 = insertelement <16 x float> poison, float %scalar.116, i64 0
  %scalar.118 = shufflevector <16 x float> %scalar.117, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.119 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.118, <16 x float> %vector.114, <16 x float> %sum.112)
  %at.120 = getelementptr inbounds float, ptr %at.44, i64 176
  %vector.121 = load <16 x float>, ptr %at.120, align 64
  %at.122 = getelementptr inbounds float, ptr %at.43, i64 11
  %scalar.123 = load float, ptr %at.122, align 4
  %scalar.124 = insertelement <16 x float> poison, float %scalar.123, i64 0
  %scalar.125 = shufflevector <16 x float> %scalar.124, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.126 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.125, <16 x float> %vector.121, <16 x float> %sum.119)
  %at.127 = getelementptr inbounds float, ptr %at.44, i64 192
  %vector.128 = load <16 x float>, ptr %at.127, align 64
  %at.129 = getelementptr inbounds float, ptr %at.43, i64 12
  %scalar.130 = load float, ptr %at.129, align 4
  %scalar.131 = insertelement <16 x float> poison, float %scalar.130, i64 0
  %scalar.132 = shufflevector <16 x float> %scalar.131, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.133 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.132, <16 x float> %vector.128, <16 x float> %sum.126)
  %at.134 = getelementptr inbounds float, ptr %at.44, i64 208
  %vector.135 = load <16 x float>, ptr %at.134, align 64
  %at.136 = getelementptr inbounds float, ptr %at.43, i64 13
  %scalar.137 = load float, ptr %at.136, align 4
  %scalar.138 = insertelement <16 x float> poison, float %scalar.137, i64 0
  %scalar.139 = shufflevector <16 x float> %scalar.138, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.140 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.139, <16 x float> %vector.135, <16 x float> %sum.133)
  %at.141 = getelementptr inbounds float, ptr %at.44, i64 224
  %vector.142 = load <16 x float>, ptr %at.141, align 64
  %at.143 = getelementptr inbounds float, ptr %at.43, i64 14
  %scalar.144 = load float, ptr %at.143, align 4
  %scalar.145 = insertelement <16 x float> poison, float %scalar.144, i64 0
  %scalar.146 = shufflevector <16 x float> %scalar.145, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.147 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.146, <16 x float> %vector.142, <16 x float> %sum.140)
  %at.148 = getelementptr inbounds float, ptr %at.44, i64 240
  %vector.149 = load <16 x float>, ptr %at.148, align 64
  %at.150 = getelementptr inbounds float, ptr %at.43, i64 15
  %scalar.151 = load float, ptr %at.150, align 4
  %scalar.152 = insertelement <16 x float> poison, float %scalar.151, i64 0
  %scalar.153 = shufflevector <16 x float> %scalar.152, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.154 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.153, <16 x float> %vector.149, <16 x float> %sum.147)
  %k.37.next = add nsw i64 %k.37, 1
  br label %k.37.head, !llvm.loop !1
k.37.done:
  %k.block.33.next = add nsw i64 %k.block.33, 1
  br label %k.block.33.head, !llvm.loop !2
k.block.33.done:
  %scalar.tail.155 = mul nsw i64 0, 16
  %at.156 = getelementptr inbounds float, ptr %at.28, i64 %scalar.tail.155
  %vector.tail.157 = mul nsw i64 0, 256
  %at.158 = getelementptr inbounds float, ptr %at.32, i64 %vector.tail.157
  br label %k.tail.159.head
k.tail.159.head:
  %k.tail.159 = phi i64 [ 0, %k.block.33.done ], [ %k.tail.159.next, %k.tail.159.body ]
  %k.tail.carried.160 = phi <16 x float> [ %k.block.carried.34, %k.block.33.done ], [ %sum.168, %k.tail.159.body ]
  %k.tail.159.more = icmp slt i64 %k.tail.159, 3
  br i1 %k.tail.159.more, label %k.tail.159.body, label %k.tail.159.done
k.tail.159.body:
  %at.161 = getelementptr inbounds float, ptr %at.156, i64 %k.tail.159
  %vector.162 = mul nsw i64 %k.tail.159, 16
  %at.163 = getelementptr inbounds float, ptr %at.158, i64 %vector.162
  %vector.164 = load <16 x float>, ptr %at.163, align 64
  %scalar.165 = load float, ptr %at.161, align 4
  %scalar.166 = insertelement <16 x float> poison, float %scalar.165, i64 0
  %scalar.167 = shufflevector <16 x float> %scalar.166, <16 x float> poison, <16 x i32> zeroinitializer
  %sum.168 = call <16 x float> @llvm.fma.v16f32(<16 x float> %scalar.167, <16 x float> %vector.164, <16 x float> %k.tail.carried.160)
  %k.tail.159.next = add nsw i64 %k.tail.159, 1
  br label %k.tail.159.head, !llvm.loop !3
k.tail.159.done:
  %result.169 = mul nsw i64 %panel.here.21, 16
  %result.170 = mul nsw i64 %row.here.20, 16
  %result.171 = add nsw i64 %result.169, %result.170
  %at.172 = getelementptr inbounds float, ptr %operand.8, i64 %row.here.20
  %row.value.173 = load float, ptr %at.172, align 4
  %row.value.174 = insertelement <16 x float> poison, float %row.value.173, i64 0
  %row.value.175 = shufflevector <16 x float> %row.value.174, <16 x float> poison, <16 x i32> zeroinitializer
  %value.176 = fadd <16 x float> %k.tail.carried.160, %row.value.175
  %truth.177 = fcmp olt <16 x float> %value.176, zeroinitializer
  %value.178 = select <16 x i1> %truth.177, <16 x float> zeroinitializer, <16 x float> %value.176
  %at.179 = getelementptr inbounds float, ptr %operand.5, i64 %result.171
  store <16 x float> %value.178, ptr %at.179, align 64
  %row.tile.19.next = add nsw i64 %row.tile.19, 1
  br label %row.tile.19.head, !llvm.loop !4
row.tile.19.done:
  %panel.group.17.next = add nsw i64 %panel.group.17, 1
  br label %panel.group.17.head, !llvm.loop !5
panel.group.17.done:
  %unit.9.next = add nsw i64 %unit.9, 1
  br label %unit.9.head, !llvm.loop !6
unit.9.done:
  ret void
}

declare i64 @llvm.smin.i64(i64, i64)
declare <16 x float> @llvm.fma.v16f32(<16 x float>, <16 x float>, <16 x float>)
!0 = !{!"llvm.loop.unroll.disable"}
!1 = distinct !{!1, !0}
!2 = distinct !{!2, !0}
!3 = distinct !{!3, !0}
!4 = distinct !{!4, !0}
!5 = distinct !{!5, !0}
!6 = distinct !{!6, !0}
