package keys_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"jeton/internal/db"
	"jeton/internal/db/dbtest"
	"jeton/internal/keys"
	"jeton/internal/problem"
)

func open(t testing.TB, o keys.Options) *keys.Ring {
	t.Helper()
	r, err := keys.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	out, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(hidden) > 0 {
		t.Fatalf("left behind: %v, %v", hidden, err)
	}
	return out
}

func TestFirstKey(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		o := keys.Options{Dir: filepath.Join(t.TempDir(), "keys"), DB: d}
		a := open(t, o)
		b := open(t, o)
		ka, sa := a.Digest("token", []byte("x"))
		kb, sb := b.Digest("token", []byte("x"))
		if ka != kb || sa != sb || ka != a.Current() || ka == 0 {
			t.Error("two rings of one database differ")
		}
		list := files(t, o.Dir)
		if len(list) != 1 {
			t.Fatalf("files: %v", list)
		}
		for path, want := range map[string]os.FileMode{o.Dir: 0o700, list[0]: 0o600} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s has mode %v", filepath.Base(path), info.Mode())
			}
		}
	})
}

func TestFirstKeyIsOneEvenWhenTwoStart(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		o := keys.Options{Dir: filepath.Join(t.TempDir(), "keys"), DB: d}
		var wg sync.WaitGroup
		rings := make([]*keys.Ring, 4)
		for i := range rings {
			wg.Go(func() {
				var err error
				if rings[i], err = keys.Open(t.Context(), o); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		for _, r := range rings {
			if len(r.Live()) != 1 || r.Current() != rings[0].Current() {
				t.Errorf("live %v", r.Live())
			}
		}
		if list := files(t, o.Dir); len(list) != 1 {
			t.Errorf("files: %v", list)
		}
	})
}

func TestDigest(t *testing.T) {
	t.Parallel()
	r := open(t, keys.Options{Dir: filepath.Join(t.TempDir(), "keys"), DB: dbtest.Open(t)})
	seen := make(map[[32]byte]string)
	add := func(label, value string) {
		t.Helper()
		_, sum := r.Digest(label, []byte(value))
		if _, again := r.Digest(label, []byte(value)); again != sum {
			t.Errorf("%q, %q is not always the same", label, value)
		}
		if was, ok := seen[sum]; ok {
			t.Errorf("%q+%q is the same as %s", label, value, was)
		}
		seen[sum] = label + "+" + value
	}
	add("", "")
	add("a", "bc")
	add("ab", "c")
	add("abc", "")
	add("", "abc")
	long := strings.Repeat("x", 1000)
	for n := 250; n < 262; n++ {
		add("l", long[:n])
		add(long[:n], "v")
	}
	add("l", long)
}

func TestDigestsAreUnderEachLiveKey(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		told := 0
		o := keys.Options{Dir: filepath.Join(t.TempDir(), "keys"), DB: d, Changed: func(context.Context, *db.Tx) error {
			told++
			return nil
		}}
		r, other := open(t, o), open(t, o)
		first, old := r.Digest("token", []byte("x"))
		sealed, err := r.Seal("chain", []byte("plain"), []byte("row 1"))
		if err != nil {
			t.Fatal(err)
		}
		second, err := r.Rotate(t.Context())
		if err != nil || second == first || r.Current() != second || told != 2 {
			t.Fatalf("rotated %d to %d (%v), told %d times", first, second, err, told)
		}
		sums := r.Digests("token", []byte("x"))
		if len(sums) != 2 || sums[0].Key != second || sums[1] != (keys.Sum{Key: first, Sum: old}) || sums[0].Sum == old {
			t.Errorf("digests %v", sums)
		}
		if other.Current() != first {
			t.Error("another ring knows without a Reload")
		}
		if err := other.Reload(t.Context()); err != nil || other.Current() != second {
			t.Errorf("reloaded to %d, %v", other.Current(), err)
		}
		if plain, err := other.Open("chain", sealed, []byte("row 1")); err != nil || string(plain) != "plain" || keys.SealedWith(sealed) != first {
			t.Errorf("%q, %v", plain, err)
		}
		if err := r.Retire(t.Context(), second); !problem.Is(err, problem.Invalid) {
			t.Errorf("the current key was retired: %v", err)
		}
		if err := r.Retire(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if live := r.Live(); len(live) != 1 || live[0] != second {
			t.Errorf("live %v", live)
		}
		if _, err := r.Open("chain", sealed, []byte("row 1")); err == nil {
			t.Error("a retired key opens")
		}
	})
}

func TestSealedValuesOpenOnlyWhereTheyBelong(t *testing.T) {
	t.Parallel()
	r := open(t, keys.Options{Dir: filepath.Join(t.TempDir(), "keys"), DB: dbtest.Open(t)})
	plain := []byte("jeton")
	sealed, err := r.Seal("chain", plain, []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := r.Seal("chain", plain, []byte("1")); bytes.Equal(again, sealed) || bytes.Contains(sealed, plain) {
		t.Error("sealed twice alike, or in the clear")
	}
	if got, err := r.Open("chain", sealed, []byte("1")); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%q, %v", got, err)
	}
	refuse := func(what, purpose string, sealed []byte, aad string) {
		t.Helper()
		if got, err := r.Open(purpose, sealed, []byte(aad)); err == nil {
			t.Errorf("%s opened to %q", what, got)
		}
	}
	refuse("another purpose", "flash", sealed, "1")
	refuse("another row", "chain", sealed, "2")
	refuse("nothing", "chain", nil, "1")
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		refuse("a changed byte", "chain", bad, "1")
		refuse("a part", "chain", sealed[:i], "1")
	}
}

func TestOpenRefusesWhatIsNotRight(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		harm  func(t *testing.T, dir, file string) error
		words string // in the sentence
		cure  string // in the remedy
	}{
		"missing file":   {func(_ *testing.T, _, file string) error { return os.Remove(file) }, "missing", "backup"},
		"missing folder": {func(_ *testing.T, dir, _ string) error { return os.RemoveAll(dir) }, "missing", "--keys"},
		"open file":      {func(_ *testing.T, _, file string) error { return os.Chmod(file, 0o640) }, "others", "chmod 600 "},
		"open folder":    {func(_ *testing.T, dir, _ string) error { return os.Chmod(dir, 0o755) }, "others", "chmod 700 "},
		"empty file":     {func(_ *testing.T, _, file string) error { return os.Truncate(file, 0) }, "damaged", "backup"},
		"cut file":       {func(_ *testing.T, _, file string) error { return os.Truncate(file, 30) }, "damaged", "backup"},
		"link": {func(t *testing.T, _, file string) error {
			to := filepath.Join(t.TempDir(), "k")
			if err := os.Rename(file, to); err != nil {
				return err
			}
			return os.Symlink(to, file)
		}, "plain file", "key itself"},
		"another key": {func(t *testing.T, _, file string) error {
			o := keys.Options{Dir: filepath.Join(t.TempDir(), "keys"), DB: dbtest.Open(t)}
			open(t, o)
			return os.Rename(files(t, o.Dir)[0], file)
		}, "another key", "backup"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := keys.Options{Dir: filepath.Join(t.TempDir(), "keys"), DB: dbtest.Open(t)}
			open(t, o)
			file := files(t, o.Dir)[0]
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.harm(t, o.Dir, file); err != nil {
				t.Fatal(err)
			}
			_, err = keys.Open(t.Context(), o)
			p := problem.Of(err)
			if err == nil || !strings.Contains(p.Public, c.words) || !strings.Contains(p.Remedy, c.cure) {
				t.Fatalf("%v; remedy %q", err, p.Remedy)
			}
			if strings.Contains(err.Error()+p.Remedy, strings.TrimSpace(string(text[15:]))) {
				t.Error("the error holds the key")
			}
			if name == "missing file" && len(files(t, o.Dir)) != 0 {
				t.Error("a missing key was made anew")
			}
		})
	}
}

func TestDigestDoesNotAllocate(t *testing.T) {
	if raceDetector {
		t.Skip("a pool forgets at random under the race detector")
	}
	r := open(t, keys.Options{Dir: filepath.Join(t.TempDir(), "keys"), DB: dbtest.Open(t)})
	token := strings.Repeat("x", 40)
	if n := testing.AllocsPerRun(1000, func() { r.Digest("token", []byte(token)) }); n >= 1 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDigest(b *testing.B) {
	r := open(b, keys.Options{Dir: filepath.Join(b.TempDir(), "keys"), DB: dbtest.Open(b)})
	token := []byte(strings.Repeat("x", 40))
	b.ReportAllocs()
	for b.Loop() {
		r.Digest("token", token)
	}
}

// BenchmarkReusedHMAC is what BenchmarkDigest is compared with.
func BenchmarkReusedHMAC(b *testing.B) {
	secret := make([]byte, 32)
	rand.Read(secret)
	h := hmac.New(sha256.New, secret)
	token := []byte(strings.Repeat("x", 40))
	var sum [32]byte
	b.ReportAllocs()
	for b.Loop() {
		h.Reset()
		h.Write(token)
		h.Sum(sum[:0])
	}
}

func BenchmarkSealAndOpen(b *testing.B) {
	r := open(b, keys.Options{Dir: filepath.Join(b.TempDir(), "keys"), DB: dbtest.Open(b)})
	plain := make([]byte, 32)
	for b.Loop() {
		sealed, err := r.Seal("chain", plain, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Open("chain", sealed, nil); err != nil {
			b.Fatal(err)
		}
	}
}
