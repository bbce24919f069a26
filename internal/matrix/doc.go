// Package matrix holds one test that walks every route of every door with every
// carrier and kind of credential, against repositories of every visibility and
// relation, over real HTTPS. What is expected comes from plain rules written
// here, and never from the gate's table: the two must agree by being right. A
// route joins by existing; one that no rule speaks of fails the test.
//
// The ordinary run sends a sample that is the same each time and holds every
// route with every relation, visibility and credential; with JETON_LONG=1 the
// whole product is sent.
package matrix
