package volume

import "sync"

// chores runs small tasks in the background, in order, by one goroutine that
// exists while there are any. The zero value is ready to use.
type chores struct {
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
		task()
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

func (v *Volume) later(task func()) { v.chores.add(task) }
