# The ten things to do here. What each needs, it installs or names.
.PHONY: run test test-long build bench microbench fmt lint deps clean
VCS := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo auto || echo false)

run: build                ## build it and start it on ./data: https://localhost:8443
	./bin/jeton serve --data ./data $(ARGS)
build:                    ## ./bin/jeton
	go build -trimpath -buildvcs=$(VCS) -o bin/jeton ./cmd/jeton
test: deps                ## everything that must pass
	scripts/test
test-long: deps           ## the same with the long ones, and each fuzz target for a while
	scripts/test long
bench: build              ## beside git http-backend and bare Go: out/bench.md and .svg
	scripts/deps bench && mkdir -p out && go build -o out/bench ./bench && out/bench -markdown out/bench.md -svg out/bench.svg $(ARGS)
microbench:               ## the packages' own benchmarks, ten runs, into out/bench.txt
	mkdir -p out && go test -run '^$$' -bench . -benchmem -count 10 -timeout 60m ./... | tee out/bench.txt
fmt:                      ## format the source
	gofmt -w bench cmd internal
lint:                     ## the checks that run nothing
	scripts/lint
deps:                     ## what the tests need (Debian's packages, only when missing)
	scripts/deps
clean:                    ## what can be made again; ./data stays
	rm -rf bin out
