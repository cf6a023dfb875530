// Package memory keeps objects in memory, and loses or spoils them on request. It
// stands in for a tier in tests of everything above tiers.Store.
//
// It guarantees what tiers.Store asks for, except durability: nothing outlives the
// process. Faults come from Options.Fault before an operation, and from Flip and
// Cut, which damage what is stored as a bad disk would.
package memory
