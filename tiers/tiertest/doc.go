// Package tiertest is the conformance suite of tiers.Store. Every Store, and every
// wrapper of one, passes it. The whole test of an implementation is
//
//	func TestStore(t *testing.T) {
//		tiertest.Run(t, func(t *testing.T) tiers.Store { return memory.New(memory.Options{}) })
//	}
//
// Durability, and what an implementation adds to the interface, are for its own
// tests. Objects are of at most 20 MiB, and there are a few hundred of them.
package tiertest
