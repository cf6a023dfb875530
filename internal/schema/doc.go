// Package schema is the typed metadata of a repository, compiled once and then
// asked many times, like package regexp: what fields there are, what values they
// take, how two values of a field compare, and which files must have which fields.
//
// A value is text, as setfattr writes it. Parse turns it into a Value of the
// field's type or says all that is needed to put it right (*Invalid). String of a
// Value is its canonical form: values that mean the same are written the same, and
// the canonical form parses to a Value that is written the same again.
//
// The types:
//
//	string    UTF-8 without control characters other than tab and newline; may have a pattern
//	int       64 bits, decimal
//	float     decimal, finite
//	bool      true, yes, on, 1; false, no, off, 0, in any case
//	date      2026-11-22 or 20261122
//	time      RFC 3339 with a zone: 2026-11-22T10:00:00Z; canonical in UTC
//	enum      one of the field's values, in exactly these letters
//	list      elements of one of the other types, separated by commas
//	quantity  a number and a unit that converts to the field's: "4 degC", "2.5 mg/mL"
//
// Spaces around a value, and NUL bytes after it, do not count.
//
// Quantities are exact: numbers are decimal fractions and units rational factors
// (see unit.go), so "4 degC" and "277.15 K" are equal, and comparing is a total order.
//
// A Schema is safe for concurrent use, and never changes. The zero Schema has no field.
//
// Caveats: a quantity without a unit is refused, since nobody can tell what was
// meant. Units of a logarithm (dB, pH) are not known: use float.
package schema
