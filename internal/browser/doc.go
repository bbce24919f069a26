// Package browser holds no code, only tests: a person with a real Chromium in
// front of the real server, and real git beside it. The browser trusts the
// server's local authority in the way that the server tells people to, and no
// check is switched off. Each page is looked at in the light, in the dark and
// in a narrow window, and searched for barriers by axe-core. Pictures of the
// pages go to out/pictures at the root of the repository.
package browser
