package schema

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
)

// maxNumber bounds the letters of a number, and a number is 0 or lies between about
// 1e-298 and 1e298, so that no value makes the exact arithmetic expensive, and every
// canonical form can be read again.
const (
	maxNumber   = 64
	maxExponent = 300
)

// tooFar reports whether r is beyond 2^990 or its inverse, about 1e298.
func tooFar(r *big.Rat) bool {
	bits := r.Num().BitLen() - r.Denom().BitLen()
	return bits > 990 || r.Sign() != 0 && bits < -990
}

var errNumber = errors.New("not a number")

// parseRat reads a decimal number such as "-1.5", "2e-3" or ".5", exactly.
func parseRat(s string) (*big.Rat, error) {
	if n := numberLen(s); n == 0 || n != len(s) || n > maxNumber {
		return nil, errNumber
	}
	if _, exp, ok := strings.Cut(strings.ToLower(s), "e"); ok {
		if e, err := strconv.Atoi(exp); err != nil || e < -maxExponent-maxNumber || e > maxExponent {
			return nil, errNumber
		}
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || tooFar(r) {
		return nil, errNumber
	}
	return r, nil
}

// numberLen returns how many bytes of s are a decimal number: sign, digits with at
// most one point, exponent.
func numberLen(s string) int {
	i, digits := 0, 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	run := func() {
		for i < len(s) && '0' <= s[i] && s[i] <= '9' {
			i++
			digits++
		}
	}
	run()
	if i < len(s) && s[i] == '.' {
		i++
		run()
	}
	if digits == 0 {
		return 0
	}
	end := i
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		digits = 0
		if run(); digits > 0 {
			end = i
		}
	}
	return end
}

// significant is how many digits a canonical number has at most.
const significant = 15

// formatRat writes r with at most 15 significant digits, as short as it can be.
func formatRat(r *big.Rat) string {
	f := new(big.Float).SetPrec(256).SetRat(r)
	s := f.Text('e', significant-1)
	mantissa, exp, _ := strings.Cut(s, "e")
	if strings.Contains(mantissa, ".") {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	e, err := strconv.Atoi(exp)
	if err != nil || mantissa == "0" || mantissa == "-0" {
		return "0"
	}
	if e < -5 || e > significant {
		return mantissa + "e" + strconv.Itoa(e)
	}
	short, ok := new(big.Rat).SetString(mantissa + "e" + exp)
	if !ok {
		return mantissa + "e" + exp
	}
	plain := short.FloatString(len(mantissa) + max(0, -e))
	if strings.Contains(plain, ".") {
		plain = strings.TrimRight(strings.TrimRight(plain, "0"), ".")
	}
	return plain
}
