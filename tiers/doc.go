// Package tiers keeps immutable objects. Store is the seam: one place that holds
// objects by key (a directory, a bucket). Stack is several of them as one: it puts into
// the nearest that answers, and reads from the nearest that has an object and answers.
// Every Store and every wrapper of one passes the conformance suite in tiers/tiertest.
//
// Objects never change once they are written: Put of an existing key is success
// and changes nothing.
package tiers
