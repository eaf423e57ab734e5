%% The hand of a test inside a BEAM node. It is sent as text over a socket, compiled in memory (so that one text
%% serves every release of OTP, and nothing is left on disk) and then answers requests of the test:
%%
%%   request: Id u32, Kind u8 ($e expressions, $l a module's source, $s stop), text UTF-8
%%   answer:  Id u32, $o u8, length u32, value printed as text UTF-8, value as external term
%%            Id u32, $x u8, class, reason and stack as text UTF-8
%%
%% Each request runs in a process of its own: one that waits does not hold up the next. When the socket closes, the
%% whole node halts, so that a test that dies leaves no node behind. No macros and no includes: there is no
%% preprocessor in between.
-module(beamish_driver).
-export([run/1]).

run(Socket) ->
    register(beamish_driver, self()),
    ok = gen_tcp:send(Socket, <<0:32, $o, 0:32>>),
    ok = inet:setopts(Socket, [{active, true}]),
    loop(Socket).

loop(Socket) ->
    receive
        {tcp, Socket, <<Id:32, $s>>} ->
            ok = gen_tcp:send(Socket, answer(Id, ok)),
            init:stop(),
            loop(Socket);
        {tcp, Socket, <<Id:32, Kind, Text/binary>>} ->
            Driver = self(),
            spawn(fun() -> Driver ! {answer, work(Id, Kind, Text)}, idle() end),
            loop(Socket);
        {answer, Bytes} ->
            ok = gen_tcp:send(Socket, Bytes),
            loop(Socket);
        {tcp_closed, Socket} ->
            halt(0)
    end.

%% A process made by an expression with spawn_link must outlive the request, as it would outlive a line in the shell.
idle() ->
    receive beamish_driver_never -> ok end.

work(Id, Kind, Text) ->
    try
        answer(Id, perform(Kind, unicode:characters_to_list(Text)))
    catch
        Class:Reason:Stack ->
            Said = io_lib:format("~0tp:~0tp ~0tp", [Class, Reason, Stack]),
            <<Id:32, $x, (unicode:characters_to_binary(Said))/binary>>
    end.

perform($e, Text) ->
    {ok, Tokens, _} = erl_scan:string(Text ++ "."),
    {ok, Expressions} = erl_parse:parse_exprs(Tokens),
    {value, Value, _} = erl_eval:exprs(Expressions, erl_eval:new_bindings()),
    Value;
perform($l, Text) ->
    {ok, Module, Binary} = compile:forms(forms(Text, 1), [report_errors]),
    {module, Module} = code:load_binary(Module, atom_to_list(Module), Binary),
    Module.

forms(Text, Line) ->
    case erl_scan:tokens([], Text, Line) of
        {done, {ok, Tokens, Next}, Rest} ->
            {ok, Form} = erl_parse:parse_form(Tokens),
            [Form | forms(Rest, Next)];
        _ ->
            []
    end.

answer(Id, Value) ->
    Text = unicode:characters_to_binary(io_lib:format("~0tp", [Value])),
    <<Id:32, $o, (byte_size(Text)):32, Text/binary, (term_to_binary(Value))/binary>>.
