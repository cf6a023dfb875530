package volume

import (
	"context"
	"sync"
	"time"
)

// chores runs small tasks in the background, in order, by one goroutine that
// exists while there are any.
type chores struct {
	// before is called before each round of tasks. When it fails they are not run.
	before func() error

	mu      sync.Mutex
	todo    []func()
	running bool
	idle    sync.Cond
}

// maxChores bounds the queue; beyond it the caller does its task itself.
const maxChores = 100_000

func (c *chores) add(task func()) {
	c.mu.Lock()
	if len(c.todo) >= maxChores {
		c.mu.Unlock()
		if c.before() == nil {
			task()
		}
		return
	}
	c.todo = append(c.todo, task)
	if !c.running {
		c.running = true
		go c.run()
	}
	c.mu.Unlock()
}

func (c *chores) run() {
	for {
		c.mu.Lock()
		todo := c.todo
		c.todo = nil
		if len(todo) == 0 {
			c.running = false
			if c.idle.L != nil {
				c.idle.Broadcast()
			}
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		if c.before() != nil {
			continue
		}
		for _, task := range todo {
			task()
		}
	}
}

// wait returns when there is nothing left to do.
func (c *chores) wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle.L = &c.mu
	for c.running {
		c.idle.Wait()
	}
}

// later runs a task when all that is in the catalog now is durable: what nothing
// refers to any more may be removed only when a crash cannot bring the reference back.
func (v *Volume) later(task func()) { v.chores.add(task) }

// choreEvery is how long tasks are gathered, so that many share one commit.
const choreEvery = 300 * time.Millisecond

// settleChores waits until the tasks that were added before may run. It fails when
// the catalog will never be durable again: then what the tasks would remove stays,
// and the next run looks at it.
func (v *Volume) settleChores() error {
	for {
		select {
		case <-time.After(choreEvery):
		case <-v.ctx.Done():
		}
		err := v.cat.Sync(context.WithoutCancel(v.ctx))
		if err == nil || v.cat.Err() != nil || v.ctx.Err() != nil {
			return err
		}
	}
}
