%% The BEAM's side of the benchmarks. Loaded as text and compiled in memory, so no macros and no includes.
%%
%% Any sender may work with any sink, on a BEAM or on Beamish. The sender says {start, Self, Count} to the name
%% `sink`, gets {ready, SinkPid}, sends {msg, 1} .. {msg, Count} (or {msg, I, Binary}) to that pid, and gets {done, Count}
%% once the sink has seen them all, in order and unaltered, or {bad, Expected, Got}. The time runs from the first send to `done`.
-module(bench_beam).
-export([start/0, one_way/3, calls/2, local_sends/1, local_calls/1, spawns/1, idle_bytes/1]).
-export([group_joins/1, group_bytes/1, group_seen/2, tell_members/1]).
-export([init/1, handle_call/3, handle_cast/2]).

start() ->
    Starter = self(),
    spawn(fun() -> register(sink, self()), Starter ! sink_is_up, sink() end),
    receive sink_is_up -> ok end,
    {ok, _} = gen_server:start({local, adder}, bench_beam, [], []),
    ok.

init([]) -> {ok, none}.
handle_call({add, N}, _From, State) -> {reply, N + 1, State}.
handle_cast(_, State) -> {noreply, State}.

sink() ->
    receive
        {start, From, Count} ->
            From ! {ready, self()},
            From ! count(1, Count),
            sink()
    end.

count(Next, Count) when Next > Count -> {done, Count};
count(Next, Count) ->
    receive
        {msg, Next} -> count(Next + 1, Count);
        {msg, Next, Binary} when is_binary(Binary) ->
            case is_intact(Next, Binary) of
                true -> count(Next + 1, Count);
                false -> {bad, Next, altered}
            end;
        Other -> {bad, Next, Other}
    end.

%% Message I carries one byte over and over, and another one than its neighbours, so that a buffer used again too early
%% shows. Three bytes of each are looked at, and all bytes of every 64th.
byte_of(I) -> (I rem 16) * 8 + 128.

is_intact(I, Binary) ->
    Byte = byte_of(I),
    Size = byte_size(Binary),
    binary:first(Binary) =:= Byte andalso binary:at(Binary, Size div 2) =:= Byte andalso
        binary:last(Binary) =:= Byte andalso
        (I rem 64 =/= 0 orelse Binary =:= binary:copy(<<Byte>>, Size)).

%% All functions below answer with microseconds, or crash when something was lost or out of order.

one_way(To, Count, Bytes) ->
    To ! {start, self(), Count},
    Sink = receive {ready, Pid} -> Pid end,
    Binaries = list_to_tuple([binary:copy(<<(byte_of(I))>>, Bytes) || I <- lists:seq(0, 16 - 1)]),
    Start = erlang:monotonic_time(microsecond),
    case Bytes of
        0 -> send_small(Sink, 1, Count);
        _ -> send_binary(Sink, 1, Count, Binaries)
    end,
    receive {done, Count} -> ok end,
    erlang:monotonic_time(microsecond) - Start.

send_small(_, I, Count) when I > Count -> ok;
send_small(Sink, I, Count) -> Sink ! {msg, I}, send_small(Sink, I + 1, Count).

send_binary(_, I, Count, _) when I > Count -> ok;
send_binary(Sink, I, Count, Binaries) ->
    Sink ! {msg, I, element(I rem 16 + 1, Binaries)},
    send_binary(Sink, I + 1, Count, Binaries).

calls(To, Count) -> timed(fun() -> call(To, 1, Count) end).

call(_, I, Count) when I > Count -> ok;
call(To, I, Count) ->
    I1 = I + 1,
    I1 = gen_server:call(To, {add, I}),
    call(To, I1, Count).

local_sends(Count) -> one_way(sink, Count, 0).

local_calls(Count) -> calls(adder, Count).

spawns(Count) -> timed(fun() -> spawn_one(Count) end).

spawn_one(0) -> ok;
spawn_one(Left) ->
    {Pid, Ref} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', Ref, process, Pid, normal} -> ok end,
    spawn_one(Left - 1).

%% Bytes of memory that one idle process takes.
idle_bytes(Count) ->
    Wait = fun() -> receive stop -> ok end end,
    erlang:garbage_collect(),
    Before = erlang:memory(processes),
    Pids = [spawn(Wait) || _ <- lists:seq(1, Count)],
    After = erlang:memory(processes),
    [Pid ! stop || Pid <- Pids],
    (After - Before) / Count.

%% Processes that join one by one, in a scope of their own.
group_joins(Count) ->
    grouped(Count, fun(Pids) -> timed(fun() -> [ok = pg:join(bench, all, Pid) || Pid <- Pids] end) end).

group_bytes(Count) ->
    grouped(Count, fun(Pids) ->
        [erlang:garbage_collect(Pid) || Pid <- processes()],
        Before = erlang:memory(total),
        [ok = pg:join(bench, all, Pid) || Pid <- Pids],
        [erlang:garbage_collect(Pid) || Pid <- processes()],
        (erlang:memory(total) - Before) / Count
    end).

%% Until the scope of another node has them all.
group_seen(Node, Count) ->
    pong = net_adm:ping(Node),
    Teller = spawn(Node, bench_beam, tell_members, [self()]),
    receive {Teller, watching} -> ok end,
    grouped(Count, fun(Pids) ->
        timed(fun() ->
            [ok = pg:join(bench, all, Pid) || Pid <- Pids],
            Teller ! {tell, Count},
            receive {Teller, all_there} -> ok end
        end)
    end).

tell_members(From) ->
    {ok, Scope} = pg:start_link(bench),
    {Ref, _} = pg:monitor(bench, all),
    From ! {self(), watching},
    receive {tell, Count} -> ok end,
    (fun Wait(0) -> ok; Wait(Left) -> receive {Ref, join, all, Pids} -> Wait(Left - length(Pids)) end end)(Count),
    From ! {self(), all_there},
    unlink(Scope),
    exit(Scope, kill).

grouped(Count, Fun) ->
    {ok, Scope} = pg:start_link(bench),
    Pids = [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, Count)],
    Result = Fun(Pids),
    unlink(Scope),
    Ref = monitor(process, Scope),
    exit(Scope, kill),
    receive {'DOWN', Ref, _, _, _} -> ok end,
    [Pid ! stop || Pid <- Pids],
    Result.

timed(Fun) ->
    Start = erlang:monotonic_time(microsecond),
    Fun(),
    erlang:monotonic_time(microsecond) - Start.
