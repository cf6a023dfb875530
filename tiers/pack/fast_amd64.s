#include "textflag.h"

// The bytes of a lane by their place in elements of 2, 4 and 8 bytes.
DATA group2<>+0(SB)/8, $0x0E0C0A0806040200
DATA group2<>+8(SB)/8, $0x0F0D0B0907050301
GLOBL group2<>(SB), RODATA, $16
DATA group4<>+0(SB)/8, $0x0D0905010C080400
DATA group4<>+8(SB)/8, $0x0F0B07030E0A0602
GLOBL group4<>(SB), RODATA, $16
DATA group8<>+0(SB)/8, $0x0B030A0209010800
DATA group8<>+8(SB)/8, $0x0F070E060D050C04
GLOBL group8<>(SB), RODATA, $16

// The groups of two lanes by their place.
DATA lanes4<>+0(SB)/8, $0x0000000400000000
DATA lanes4<>+8(SB)/8, $0x0000000500000001
DATA lanes4<>+16(SB)/8, $0x0000000600000002
DATA lanes4<>+24(SB)/8, $0x0000000700000003
GLOBL lanes4<>(SB), RODATA, $32

// func shuffleAVX2(dst, src *byte, n, count, w int)
// Planes are R8 bytes apart. DI is in the first of them, DX in the third, R9 in the
// fifth, R10 in the seventh.
TEXT ·shuffleAVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), R8
	MOVQ count+24(FP), CX
	MOVQ w+32(FP), BX
	LEAQ (DI)(R8*2), DX
	CMPQ BX, $4
	JEQ  by4
	CMPQ BX, $8
	JEQ  by8

	VBROADCASTI128 group2<>(SB), Y4

loop2: // 16 elements
	VMOVDQU      (SI), Y0
	VPSHUFB      Y4, Y0, Y0
	VPERMQ       $0xD8, Y0, Y0
	VMOVDQU      X0, (DI)
	VEXTRACTI128 $1, Y0, (DI)(R8*1)
	ADDQ         $32, SI
	ADDQ         $16, DI
	SUBQ         $16, CX
	JNE          loop2
	VZEROUPPER
	RET

by4:
	VBROADCASTI128 group4<>(SB), Y4
	VMOVDQU        lanes4<>(SB), Y5

loop4: // 8 elements
	VMOVDQU      (SI), Y0
	VPSHUFB      Y4, Y0, Y0
	VPERMD       Y0, Y5, Y0
	VEXTRACTI128 $1, Y0, X1
	VMOVQ        X0, (DI)
	VMOVHPS      X0, (DI)(R8*1)
	VMOVQ        X1, (DX)
	VMOVHPS      X1, (DX)(R8*1)
	ADDQ         $32, SI
	ADDQ         $8, DI
	ADDQ         $8, DX
	SUBQ         $8, CX
	JNE          loop4
	VZEROUPPER
	RET

by8:
	VMOVDQU group8<>(SB), X10
	LEAQ    (DX)(R8*2), R9
	LEAQ    (R9)(R8*2), R10

loop8: // 8 elements
	VMOVDQU    (SI), X0
	VMOVDQU    16(SI), X1
	VMOVDQU    32(SI), X2
	VMOVDQU    48(SI), X3
	VPSHUFB    X10, X0, X0
	VPSHUFB    X10, X1, X1
	VPSHUFB    X10, X2, X2
	VPSHUFB    X10, X3, X3
	VPUNPCKLWD X1, X0, X4
	VPUNPCKHWD X1, X0, X5
	VPUNPCKLWD X3, X2, X6
	VPUNPCKHWD X3, X2, X7
	VPUNPCKLDQ X6, X4, X0
	VPUNPCKHDQ X6, X4, X1
	VPUNPCKLDQ X7, X5, X2
	VPUNPCKHDQ X7, X5, X3
	VMOVQ      X0, (DI)
	VMOVHPS    X0, (DI)(R8*1)
	VMOVQ      X1, (DX)
	VMOVHPS    X1, (DX)(R8*1)
	VMOVQ      X2, (R9)
	VMOVHPS    X2, (R9)(R8*1)
	VMOVQ      X3, (R10)
	VMOVHPS    X3, (R10)(R8*1)
	ADDQ       $64, SI
	ADDQ       $8, DI
	ADDQ       $8, DX
	ADDQ       $8, R9
	ADDQ       $8, R10
	SUBQ       $8, CX
	JNE        loop8
	VZEROUPPER
	RET

// DIFF subtracts the element W bytes before, 32 bytes at a time.
#define DIFF(W, SUB, ADD) \
	VMOVDQU (SI), Y0      \
	VMOVDQU -W(SI), Y1    \
	SUB     Y1, Y0, Y0    \
	ADD     Y7, Y0, Y0

// LINE goes on to order 2: it subtracts that element again and adds the one before.
#define LINE(W, SUB, ADD) \
	VMOVDQU -(2*W)(SI), Y2 \
	SUB     Y1, Y0, Y0     \
	ADD     Y2, Y0, Y0

#define NEXT(LABEL) \
	VMOVDQU Y0, (DI) \
	ADDQ    $32, SI  \
	ADDQ    $32, DI  \
	SUBQ    $32, CX  \
	JNE     LABEL    \
	VZEROUPPER       \
	RET

// func diffAVX2(dst, src *byte, n, w, order int)
TEXT ·diffAVX2(SB), NOSPLIT, $0-40
	MOVQ         dst+0(FP), DI
	MOVQ         src+8(FP), SI
	MOVQ         n+16(FP), CX
	MOVQ         w+24(FP), AX
	MOVQ         order+32(FP), BX
	MOVL         $0x80808080, DX
	VMOVD        DX, X7
	VPBROADCASTD X7, Y7
	CMPQ         AX, $4
	JEQ          by4
	CMPQ         AX, $8
	JEQ          by8
	CMPQ         BX, $2
	JEQ          line2

diff2:
	DIFF(2, VPSUBW, VPADDW)
	NEXT(diff2)

line2:
	DIFF(2, VPSUBW, VPADDW)
	LINE(2, VPSUBW, VPADDW)
	NEXT(line2)

by4:
	CMPQ BX, $2
	JEQ  line4

diff4:
	DIFF(4, VPSUBD, VPADDD)
	NEXT(diff4)

line4:
	DIFF(4, VPSUBD, VPADDD)
	LINE(4, VPSUBD, VPADDD)
	NEXT(line4)

by8:
	CMPQ BX, $2
	JEQ  line8

diff8:
	DIFF(8, VPSUBQ, VPADDQ)
	NEXT(diff8)

line8:
	DIFF(8, VPSUBQ, VPADDQ)
	LINE(8, VPSUBQ, VPADDQ)
	NEXT(line8)

// func unshuffleAVX2(dst, src *byte, n, count, w int)
// The registers are those of shuffleAVX2, with SI for DI and DI for SI.
TEXT ·unshuffleAVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), R8
	MOVQ count+24(FP), CX
	MOVQ w+32(FP), BX
	LEAQ (SI)(R8*2), DX
	CMPQ BX, $4
	JEQ  by4
	CMPQ BX, $8
	JEQ  by8

loop2: // 16 elements
	VMOVDQU    (SI), X0
	VMOVDQU    (SI)(R8*1), X1
	VPUNPCKLBW X1, X0, X2
	VPUNPCKHBW X1, X0, X3
	VMOVDQU    X2, (DI)
	VMOVDQU    X3, 16(DI)
	ADDQ       $16, SI
	ADDQ       $32, DI
	SUBQ       $16, CX
	JNE        loop2
	RET

by4: // 16 elements
	VMOVDQU    (SI), X0
	VMOVDQU    (SI)(R8*1), X1
	VMOVDQU    (DX), X2
	VMOVDQU    (DX)(R8*1), X3
	VPUNPCKLBW X1, X0, X4
	VPUNPCKHBW X1, X0, X5
	VPUNPCKLBW X3, X2, X6
	VPUNPCKHBW X3, X2, X7
	VPUNPCKLWD X6, X4, X0
	VPUNPCKHWD X6, X4, X1
	VPUNPCKLWD X7, X5, X2
	VPUNPCKHWD X7, X5, X3
	VMOVDQU    X0, (DI)
	VMOVDQU    X1, 16(DI)
	VMOVDQU    X2, 32(DI)
	VMOVDQU    X3, 48(DI)
	ADDQ       $16, SI
	ADDQ       $16, DX
	ADDQ       $64, DI
	SUBQ       $16, CX
	JNE        by4
	RET

by8:
	LEAQ (DX)(R8*2), R9
	LEAQ (R9)(R8*2), R10

loop8: // 8 elements
	VMOVQ      (SI), X0
	VMOVQ      (SI)(R8*1), X1
	VMOVQ      (DX), X2
	VMOVQ      (DX)(R8*1), X3
	VMOVQ      (R9), X4
	VMOVQ      (R9)(R8*1), X5
	VMOVQ      (R10), X6
	VMOVQ      (R10)(R8*1), X7
	VPUNPCKLBW X1, X0, X0
	VPUNPCKLBW X3, X2, X2
	VPUNPCKLBW X5, X4, X4
	VPUNPCKLBW X7, X6, X6
	VPUNPCKLWD X2, X0, X1
	VPUNPCKHWD X2, X0, X3
	VPUNPCKLWD X6, X4, X5
	VPUNPCKHWD X6, X4, X7
	VPUNPCKLDQ X5, X1, X0
	VPUNPCKHDQ X5, X1, X2
	VPUNPCKLDQ X7, X3, X4
	VPUNPCKHDQ X7, X3, X6
	VMOVDQU    X0, (DI)
	VMOVDQU    X2, 16(DI)
	VMOVDQU    X4, 32(DI)
	VMOVDQU    X6, 48(DI)
	ADDQ       $8, SI
	ADDQ       $8, DX
	ADDQ       $8, R9
	ADDQ       $8, R10
	ADDQ       $64, DI
	SUBQ       $8, CX
	JNE        loop8
	RET

// The last element of 2, 4 and 8 bytes, all over.
DATA last2<>+0(SB)/8, $0x0F0E0F0E0F0E0F0E
DATA last2<>+8(SB)/8, $0x0F0E0F0E0F0E0F0E
GLOBL last2<>(SB), RODATA, $16
DATA last4<>+0(SB)/8, $0x0F0E0D0C0F0E0D0C
DATA last4<>+8(SB)/8, $0x0F0E0D0C0F0E0D0C
GLOBL last4<>(SB), RODATA, $16
DATA last8<>+0(SB)/8, $0x0F0E0D0C0B0A0908
DATA last8<>+8(SB)/8, $0x0F0E0D0C0B0A0908
GLOBL last8<>(SB), RODATA, $16

#define SHIFTED(N, ADD) \
	VPSLLDQ $N, X0, X1 \
	ADD     X1, X0, X0

// SUMS adds to each element of X0 the ones before it in X0, and CARRY: the last one
// of the round before, all over.
#define SUMS2(CARRY) \
	SHIFTED(2, VPADDW)     \
	SHIFTED(4, VPADDW)     \
	SHIFTED(8, VPADDW)     \
	VPADDW  CARRY, X0, X0  \
	VPSHUFB X4, X0, CARRY

#define SUMS4(CARRY) \
	SHIFTED(4, VPADDD)     \
	SHIFTED(8, VPADDD)     \
	VPADDD  CARRY, X0, X0  \
	VPSHUFB X4, X0, CARRY

#define SUMS8(CARRY) \
	SHIFTED(8, VPADDQ)     \
	VPADDQ  CARRY, X0, X0  \
	VPSHUFB X4, X0, CARRY

#define BEGIN(SUB) \
	VMOVDQU (DI), X0    \
	SUB     X7, X0, X0

#define END(LABEL) \
	VMOVDQU X0, (DI)   \
	ADDQ    $16, DI    \
	SUBQ    $16, CX    \
	JNE     LABEL      \
	RET

// func undiffAVX2(p *byte, n, w, order int)
TEXT ·undiffAVX2(SB), NOSPLIT, $0-32
	MOVQ         p+0(FP), DI
	MOVQ         n+8(FP), CX
	MOVQ         w+16(FP), AX
	MOVQ         order+24(FP), BX
	MOVL         $0x80808080, DX
	VMOVD        DX, X7
	VPBROADCASTD X7, X7
	VPXOR        X5, X5, X5 // the last step, for order 2
	VPXOR        X6, X6, X6 // the last element
	CMPQ         AX, $4
	JEQ          by4
	CMPQ         AX, $8
	JEQ          by8
	VMOVDQU      last2<>(SB), X4
	CMPQ         BX, $2
	JEQ          line2

sum2:
	BEGIN(VPSUBW)
	SUMS2(X6)
	END(sum2)

line2:
	BEGIN(VPSUBW)
	SUMS2(X5)
	SUMS2(X6)
	END(line2)

by4:
	VMOVDQU last4<>(SB), X4
	CMPQ    BX, $2
	JEQ     line4

sum4:
	BEGIN(VPSUBD)
	SUMS4(X6)
	END(sum4)

line4:
	BEGIN(VPSUBD)
	SUMS4(X5)
	SUMS4(X6)
	END(line4)

by8:
	VMOVDQU last8<>(SB), X4
	CMPQ    BX, $2
	JEQ     line8

sum8:
	BEGIN(VPSUBQ)
	SUMS8(X6)
	END(sum8)

line8:
	BEGIN(VPSUBQ)
	SUMS8(X5)
	SUMS8(X6)
	END(line8)
