package ref

import (
	"errors"
	"os"
	"sync"
)

// syncers is how many files are synced at a time. The file system writes its
// journal once for all that wait for it at the same moment.
const syncers = 16

// syncAll makes files and folders durable. What is gone is no error.
func syncAll(paths []string) error {
	if len(paths) == 1 {
		return syncOne(paths[0])
	}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		all  error // guarded by mu
		next = make(chan string)
	)
	for range min(syncers, len(paths)) {
		wg.Go(func() {
			for p := range next {
				if err := syncOne(p); err != nil {
					mu.Lock()
					all = errors.Join(all, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, p := range paths {
		next <- p
	}
	close(next)
	wg.Wait()
	return all
}

func syncOne(path string) error {
	f, err := os.Open(path)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
