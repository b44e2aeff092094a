package chart

import (
	"math"
	"strconv"
	"strings"
)

// shortEnough is how many digits a number may have to be written as it is.
// What has more has them from arithmetic, as 33.099999999 has, and is rounded
// to rounded significant digits.
const (
	shortEnough = 6
	rounded     = 4
)

// Number writes a number as people do: 33.1, 4,812, 0.0042. Those beyond a
// thousand million million, or below a ten-thousandth, have an exponent:
// 1.2e18. What is no number is "".
func Number(v float64) string {
	size := math.Abs(v)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return ""
	case v == 0:
		return "0"
	case size >= 1e15 || size < 1e-4:
		return scientific(v)
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if digits(text) > shortEnough {
		decimals := rounded - 1 - int(math.Floor(math.Log10(size)))
		text = strconv.FormatFloat(v, 'f', max(decimals, 0), 64)
	}
	whole, fraction, _ := strings.Cut(text, ".")
	fraction = strings.TrimRight(fraction, "0")
	if fraction != "" {
		fraction = "." + fraction
	}
	return grouped(whole) + fraction
}

// digits counts the significant digits of a decimal number. A whole number has
// none that could be left out.
func digits(text string) int {
	if !strings.Contains(text, ".") {
		return 0
	}
	text = strings.TrimLeft(text, "-0.")
	return len(text) - strings.Count(text, ".")
}

func scientific(v float64) string {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', rounded-1, 64), "e")
	if strings.Contains(mantissa, ".") {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "e" + strconv.Itoa(n)
}

// grouped puts a comma before every three digits of a whole number.
func grouped(whole string) string {
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return sign + whole
}

// Compact writes a number in few characters: beyond a hundred thousand with
// k, M, G or T for thousands and more.
func Compact(v float64) string {
	size := math.Abs(v)
	if size < 1e5 || size >= 1e15 {
		return Number(v)
	}
	for _, unit := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}} {
		if size >= unit.size {
			return Number(v/unit.size) + unit.name
		}
	}
	return Number(v/1e3) + "k"
}
