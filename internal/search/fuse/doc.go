// Package fuse puts several rankings of the same things into one: weighted reciprocal
// rank fusion. What stands at rank r of a list with weight w gets w/(60+r) from it, so
// that scores of different kinds need not be comparable.
//
// Guarantees: pure functions; the order is the same for the same lists, and Part says
// what each list gave. Caveat: the ranks alone count, so a list should end where its
// hits are no longer worth anything.
package fuse
