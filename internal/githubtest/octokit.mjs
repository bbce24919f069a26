// A walk through the API with GitHub's own client for JavaScript. URL is in the
// environment, the token comes on standard input; each step that does as on
// GitHub prints a line, and the first that does not ends the walk.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Octokit } from "@octokit/rest";

const octokit = new Octokit({
	baseUrl: process.env.URL + "/api/v3",
	auth: readFileSync(0, "utf8").trim(),
	log: { debug() {}, info() {}, warn: console.error, error() {} },
});
const { login } = (await octokit.rest.users.getAuthenticated()).data;

async function step(name, walk) {
	await walk();
	console.log("ok " + name);
}

async function fails(status, promise) {
	const error = await promise.then(() => null, (e) => e);
	assert.equal(error?.status, status, String(error));
	return error;
}

await step("users", async () => {
	const { data, headers } = await octokit.rest.users.getByUsername({ username: login });
	assert.equal(data.login, login);
	assert.equal(data.type, "User");
	assert.ok(headers["x-github-request-id"]);
	await octokit.rest.users.updateAuthenticated({ bio: "By Octokit" });
	const { data: emails } = await octokit.rest.users.listEmailsForAuthenticatedUser();
	assert.deepEqual(emails.map((e) => [e.primary, e.verified]), [[true, true]]);
	await fails(404, octokit.rest.users.getByUsername({ username: "nobody-here" }));
});

await step("repositories", async () => {
	const { data, status } = await octokit.rest.repos.createForAuthenticatedUser({ name: "octo", private: true, description: "Made by Octokit" });
	assert.equal(status, 201);
	assert.equal(data.full_name, login + "/octo");
	const of = { owner: login, repo: "octo" };
	assert.equal((await octokit.rest.repos.get(of)).data.description, "Made by Octokit");
	const again = await fails(422, octokit.rest.repos.createForAuthenticatedUser({ name: "octo" }));
	assert.equal(again.response.data.errors[0].field, "name");
	await octokit.rest.repos.update({ ...of, name: "octo2" });
	// Octokit follows the redirect of a renamed repository.
	assert.equal((await octokit.rest.repos.get(of)).data.name, "octo2");
	await octokit.rest.repos.delete({ ...of, repo: "octo2" });
	await fails(404, octokit.rest.repos.get({ ...of, repo: "octo2" }));
});

await step("lists", async () => {
	for (let i = 0; i < 5; i++) {
		await octokit.rest.repos.createForAuthenticatedUser({ name: "list-" + i, private: i % 2 === 0 });
	}
	const all = await octokit.paginate(octokit.rest.repos.listForAuthenticatedUser, { per_page: 2, sort: "full_name" });
	assert.deepEqual(all.map((r) => r.name), [0, 1, 2, 3, 4].map((i) => "list-" + i));
	const shut = await octokit.paginate(octokit.rest.repos.listForAuthenticatedUser, { per_page: 2, visibility: "private" });
	assert.equal(shut.length, 3);
});

await step("conditional requests", async () => {
	const { headers } = await octokit.request("GET /user");
	await fails(304, octokit.request("GET /user", { headers: { "if-none-match": headers.etag } }));
});

await step("limits", async () => {
	const { data } = await octokit.rest.rateLimit.get();
	assert.ok(data.resources.core.remaining > 0);
});

await step("GraphQL", async () => {
	// The same client, as Octokit's own examples use it on a host of one's own.
	const answer = await octokit.graphql("query($login: String!) { user(login: $login) { login repositories(first: 3, orderBy: {field: NAME, direction: ASC}) { totalCount nodes { name } } } }",
		{ login, baseUrl: process.env.URL + "/api" });
	assert.equal(answer.user.repositories.totalCount, 5);
	const error = await octokit.graphql('{ repository(owner: "nobody", name: "here") { id } }', { baseUrl: process.env.URL + "/api" }).then(() => null, (e) => e);
	assert.equal(error.name, "GraphqlResponseError");
	assert.equal(error.errors[0].type, "NOT_FOUND");
});
