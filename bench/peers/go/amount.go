package main

import (
	"fmt"
	"math/big"
	"math/bits"
	"strings"
)

// amount is an unsigned integer of 128 bits: a token amount times 10^18.
type amount struct{ hi, lo uint64 }

// add panics when the sum needs more than 128 bits.
func (a *amount) add(b amount) {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi, overflow := bits.Add64(a.hi, b.hi, carry)
	if overflow != 0 {
		panic("a sum of token amounts needs more than 128 bits")
	}
	a.hi, a.lo = hi, lo
}

func (a amount) big() *big.Int {
	n := new(big.Int).SetUint64(a.hi)
	return n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(a.lo))
}

// digitsMax is the number of digits that always fit into 128 bits.
const digitsMax = 38

// parseDecimal returns the decimal times 10^places. A decimal with more places or digits, an exponent or a sign is an error: the feed has
// none.
func parseDecimal(s string, places int) (amount, error) {
	var a amount
	digits, fraction := 0, -1
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '.' && fraction < 0:
			fraction = 0
		case c >= '0' && c <= '9':
			a.append(uint64(c - '0'))
			digits++
			if fraction >= 0 {
				fraction++
			}
		default:
			return a, fmt.Errorf("%q is no decimal of this feed", s)
		}
	}
	if digits == 0 || fraction > places {
		return a, fmt.Errorf("%q has no digits, or more than %d places", s, places)
	}
	missing := places - max(fraction, 0)
	if digits+missing > digitsMax {
		return a, fmt.Errorf("%q is too large", s)
	}
	for range missing {
		a.append(0)
	}
	return a, nil
}

// append adds a decimal digit on the right.
func (a *amount) append(digit uint64) {
	if a.hi == 0 && a.lo < 1<<60 {
		a.lo = a.lo*10 + digit
		return
	}
	carry, lo := bits.Mul64(a.lo, 10)
	lo, more := bits.Add64(lo, digit, 0)
	a.hi, a.lo = a.hi*10+carry+more, lo
}

// decimalText returns the integer times 10^-places without trailing zeros.
func decimalText(n *big.Int, places int) string {
	digits := n.String()
	if len(digits) <= places {
		digits = strings.Repeat("0", places+1-len(digits)) + digits
	}
	whole, fraction := digits[:len(digits)-places], strings.TrimRight(digits[len(digits)-places:], "0")
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}
