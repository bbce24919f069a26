// Package attack holds the attacks that systems of this kind have fallen for,
// each as a test through the door that it would come by: real HTTPS, and real
// git where git is the door. A test is named after its row in docs/security.md.
// For each guard, mutants_test.go knows the line that makes the difference;
// with JETON_LONG=1 the server is built without it, and the test must fail.
package attack
