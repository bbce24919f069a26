package keys

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"testing"
)

// TestDigestIsHMAC compares with crypto/hmac over the whole input at once, at
// every length around the buffer's ends.
func TestDigestIsHMAC(t *testing.T) {
	t.Parallel()
	k, err := newKey(1, bytes.Repeat([]byte{7}, size))
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"", "token", strings.Repeat("l", 252), strings.Repeat("l", 253), strings.Repeat("l", 600)} {
		for n := range 600 {
			value := bytes.Repeat([]byte{byte(n)}, n)
			m := hmac.New(sha256.New, k.digestKey)
			m.Write(binary.BigEndian.AppendUint32(nil, uint32(len(label))))
			m.Write([]byte(label))
			m.Write(value)
			if got := k.digest(label, value); !hmac.Equal(got[:], m.Sum(nil)) {
				t.Fatalf("label of %d, value of %d bytes: not HMAC-SHA-256", len(label), n)
			}
		}
	}
}
