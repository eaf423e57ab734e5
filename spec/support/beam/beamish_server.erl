%% A gen_server to call from Beamish, registered as `server`: answers {add, N} with the sum so far, {echo, Term} with the
%% term, `who` with the caller's pid, {later, Ms, Term} after a while; `crash` ends it with that reason. Casts of {add, N}
%% count too, and other messages are kept for `seen`.
-module(beamish_server).
-export([start/0, in_order/2, init/1, handle_call/3, handle_cast/2, handle_info/2]).

%% Takes 0 .. Count-1 in order under a name. Compiled, since an interpreted receive walks the whole mailbox each time.
in_order(Name, Count) ->
    register(Name, self()),
    in_order_from(0, Count).

in_order_from(Count, Count) -> in_order;
in_order_from(I, Count) ->
    receive
        I -> in_order_from(I + 1, Count);
        Other -> {expected, I, got, Other}
    after 20000 -> {lost, I}
    end.

start() -> gen_server:start({local, server}, beamish_server, [], []).

init([]) -> {ok, {0, []}}.

handle_call({add, N}, _From, {Sum, Seen}) -> {reply, Sum + N, {Sum + N, Seen}};
handle_call(get, _From, {Sum, Seen}) -> {reply, Sum, {Sum, Seen}};
handle_call({echo, Term}, _From, State) -> {reply, Term, State};
handle_call(who, {Pid, _Tag}, State) -> {reply, Pid, State};
handle_call({later, Ms, Term}, From, State) -> erlang:send_after(Ms, self(), {answer, From, Term}), {noreply, State};
handle_call(seen, _From, {Sum, Seen}) -> {reply, lists:reverse(Seen), {Sum, Seen}};
handle_call(crash, _From, State) -> {stop, crash, State}.

handle_cast({add, N}, {Sum, Seen}) -> {noreply, {Sum + N, Seen}}.

handle_info({answer, From, Term}, State) -> gen_server:reply(From, Term), {noreply, State};
handle_info(Message, {Sum, Seen}) -> {noreply, {Sum, [Message | Seen]}}.
