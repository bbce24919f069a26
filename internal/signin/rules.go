package signin

import (
	_ "embed"
	"strings"
	"unicode/utf8"

	"jeton/internal/problem"
	"jeton/internal/secret"
)

// The bounds of a password: characters at least, bytes at most.
const (
	MinPassword = 10
	MaxPassword = 256
)

//go:embed common.txt
var common string

// CheckPasswordRules reports whether password may become one: long enough, not
// among the passwords that are tried first, and not made of the names that it
// goes with (login, e-mail addresses). There are no rules about which kinds of
// characters it needs: they make passwords worse.
func CheckPasswordRules(password secret.Value, names ...string) error {
	p := password.Reveal()
	switch {
	case p == "":
		return problem.Field("password", "Password can't be blank")
	case !utf8.ValidString(p) || strings.ContainsRune(p, 0):
		return problem.Field("password", "Password may not contain bytes that are no text")
	case utf8.RuneCountInString(p) < MinPassword:
		return problem.Field("password", "Password is too short (minimum is 10 characters)")
	case len(p) > MaxPassword:
		return problem.Field("password", "Password is too long (maximum is 256 bytes)")
	}
	low := strings.ToLower(p)
	if ofNames(low, names) {
		return problem.Field("password", "Password is too close to your user name or e-mail address")
	}
	if repetitive(low) || sequential(low) || isCommon(low) {
		return problem.Field("password", "Password is in a list of passwords that are commonly tried; choose another, for example four unrelated words")
	}
	return nil
}

// ofNames reports whether p is one of the names, or one with only digits and
// signs around it.
func ofNames(p string, names []string) bool {
	core := trim(p)
	for _, n := range names {
		n = strings.ToLower(n)
		if n == "" {
			continue
		}
		local, _, _ := strings.Cut(n, "@")
		for _, name := range []string{n, local} {
			if p == name || core == name || core == trim(name) && core != "" || p == name+name {
				return true
			}
		}
	}
	return false
}

// repetitive reports whether p is one short piece again and again: aaaaaaaaaa,
// abcabcabcabc, 12341234123.
func repetitive(p string) bool {
	for n := 1; n <= 4 && n*2 < len(p); n++ {
		same := true
		for i := n; i < len(p); i++ {
			if p[i] != p[i-n] {
				same = false
				break
			}
		}
		if same {
			return true
		}
	}
	return false
}

// The orders in which keys lie and letters follow one another. A password that
// is a walk along them, forwards or backwards, is none.
const walks = "abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz 01234567890123456789 1234567890 qwertyuiop[] " +
	"qwertyuiopasdfghjklzxcvbnm asdfghjkl;' zxcvbnm,./ qwertzuiopü azertyuiop qsdfghjklm !@#$%^&*()_+ " +
	"1q2w3e4r5t6y7u8i9o0p 1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/ qazwsxedcrfvtgbyhnujmikolp zaqxswcdevfrbgtnhymjukilop"

// sequential reports whether p is made of at most three walks of three or more
// keys each: 1234567890, qwertyuiop, abcdef123456, qwerty12345.
func sequential(p string) bool {
	rest := p
	for range 3 {
		n := longestWalk(rest)
		if n < 3 {
			return false
		}
		if rest = rest[n:]; len(rest) <= 1 {
			return true
		}
	}
	return false
}

// longestWalk returns how many bytes at the beginning of s lie on one walk.
func longestWalk(s string) int {
	n := 0
	for n < len(s) && (strings.Contains(walks, s[:n+1]) || strings.Contains(walks, reverse(s[:n+1]))) && s[n] != ' ' {
		n++
	}
	return n
}

func reverse(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

// isCommon looks p up in the list, as it stands, without a few digits and signs
// around it, with the usual replacements undone, and as a word said twice.
func isCommon(p string) bool {
	for _, form := range []string{p, trim(p), plain(p), trim(plain(p)), plain(trim(p)), strings.TrimRight(p, "0123456789")} {
		if len(p)-len(form) > mostAround {
			continue // what is around the word is a password of its own
		}
		if inList(form) {
			return true
		}
		if half := len(form) / 2; len(form)%2 == 0 && form[:half] == form[half:] && inList(form[:half]) {
			return true
		}
	}
	return false
}

// mostAround is how many digits and signs around a common word do not make it
// a good password.
const mostAround = 8

func inList(s string) bool {
	if len(s) < 4 || strings.ContainsAny(s, "\n") {
		return false
	}
	return strings.Contains(common, "\n"+s+"\n")
}

// trim cuts digits and signs off both ends.
func trim(p string) string {
	return strings.TrimFunc(p, func(r rune) bool { return r < 'a' && r < 0x80 || r > 'z' && r < 0x80 })
}

// plain undoes the replacements that everybody knows, guessers first.
func plain(p string) string {
	return strings.NewReplacer("@", "a", "4", "a", "0", "o", "1", "i", "!", "i", "|", "l", "3", "e", "$", "s", "5", "s", "7", "t", "+", "t",
		"_", "", "-", "", ".", "", " ", "").Replace(p)
}
