#!/usr/bin/env escript
-mode(compile).
%% Writes etf-order.json: terms, and how every pair of them compares. Recorded on OTP 25.2.3 with
%%   escript spec/golden/etf-order.escript > spec/golden/etf-order.json
%% Row i, column j of `order` is `<`, `=` or `>` as term i stands to term j with < and ==; `exact` marks =:= with `=`.
main(_) ->
    ok = io:setopts([{encoding, unicode}]),
    Terms = terms(),
    io:format("{\"about\": \"Erlang/OTP ~s: order of terms; made by etf-order.escript\",~n", [erlang:system_info(otp_release)]),
    io:format(" \"terms\": [~n~ts],~n", [lists:join(",\n", [io_lib:format("  {\"text\": ~ts, \"hex\": \"~s\"}", [quoted(T), hex(T)]) || T <- Terms])]),
    io:format(" \"order\": [~n~s],~n", [rows(Terms, fun order/2)]),
    io:format(" \"exact\": [~n~s]}~n", [rows(Terms, fun exact/2)]).

order(A, B) when A < B -> $<;
order(A, B) when A == B -> $=;
order(_, _) -> $>.

exact(A, B) when A =:= B -> $=;
exact(_, _) -> $..

rows(Terms, F) -> lists:join(",\n", [["  \"", [F(A, B) || B <- Terms], "\""] || A <- Terms]).

quoted(T) -> [$", [case C of $" -> "\\\""; $\\ -> "\\\\"; _ when C < 32 -> io_lib:format("\\u~4.16.0b", [C]); _ -> C end || C <- lists:flatten(io_lib:format("~tw", [T]))], $"].

hex(T) -> [io_lib:format("~2.16.0b", [B]) || <<B>> <= term_to_binary(T, [{minor_version, 2}])].

term(Hex) -> binary_to_term(<< <<(list_to_integer([A, B], 16))>> || <<A, B>> <= list_to_binary(Hex) >>).

terms() ->
    Node = fun(Name) -> [io_lib:format("77~2.16.0b", [length(Name)]), [io_lib:format("~2.16.0b", [C]) || C <- Name]] end,
    Pid = fun(Name, Id, Serial, Creation) -> term(lists:flatten(["8358", Node(Name), io_lib:format("~8.16.0b~8.16.0b~8.16.0b", [Id, Serial, Creation])])) end,
    Port = fun(Name, Id, Creation) -> term(lists:flatten(["8378", Node(Name), io_lib:format("~16.16.0b~8.16.0b", [Id, Creation])])) end,
    Ref = fun(Name, Words, Creation) -> term(lists:flatten(["835a", io_lib:format("~4.16.0b", [length(Words)]), Node(Name), io_lib:format("~8.16.0b", [Creation]), [io_lib:format("~8.16.0b", [W]) || W <- Words]])) end,
    Fun = fun(Module, OldIndex, OldUniq, Free) ->
        Tail = << <<(list_to_integer([A, B], 16))>> || <<A, B>> <= list_to_binary(lists:flatten([Node(Module), io_lib:format("61~2.16.0b61~2.16.0b", [OldIndex, OldUniq]), "58", Node("x@h"), "000000010000000000000001"])) >>,
        Vars = << <<(begin <<131, B/binary>> = term_to_binary(V, [{minor_version, 2}]), B end)/binary>> || V <- Free >>,
        Body = <<1, 0:128, OldIndex:32, (length(Free)):32, Tail/binary, Vars/binary>>,
        binary_to_term(<<131, 112, (byte_size(Body) + 4):32, Body/binary>>) end,
    [0, 1, -1, 1.0, -0.0, 1.5, -1.5, 255, 256, 1 bsl 53, (1 bsl 53) + 1, float(1 bsl 53), 1 bsl 70, -(1 bsl 70), float(1 bsl 70), 1.0e308, (1 bsl 1023), 5.0e-324,
     '', a, b, aa, 'A', true, false, nil, undefined, list_to_atom([16#e9]), list_to_atom([16#436]), list_to_atom([16#ffff]), list_to_atom([16#1f600]), '_',
     Ref("a@h", [1, 2, 3], 1), Ref("a@h", [2, 2, 3], 1), Ref("a@h", [1, 2, 4], 1), Ref("a@h", [1, 3, 3], 1), Ref("b@h", [1, 2, 3], 1), Ref("b@h", [1, 1, 1], 1),
     Ref("a@h", [1, 2, 3], 2), Ref("a@h", [1], 1), Ref("a@h", [1, 0, 0], 2), Ref("a@h", [9, 9], 1),
     Fun("m", 0, 1, []), Fun("m", 1, 1, []), Fun("m", 0, 2, []), Fun("n", 0, 0, []), Fun("m", 0, 1, [1]), Fun("m", 0, 1, [2]), Fun("m", 0, 1, [1.0]), Fun("m", 0, 1, [a, b]),
     fun a:b/1, fun a:b/2, fun a:c/0, fun b:a/0, fun z:z/255,
     Port("a@h", 1, 1), Port("a@h", 2, 1), Port("b@h", 1, 1), Port("a@h", 1, 2), Port("a@h", 1 bsl 40, 1),
     Pid("a@h", 1, 0, 1), Pid("a@h", 2, 0, 1), Pid("a@h", 1, 1, 1), Pid("b@h", 1, 0, 1), Pid("a@h", 1, 0, 2), Pid("b@h", 0, 0, 1),
     {}, {a}, {1}, {1.0}, {a, b}, {b, a}, {z}, {1, 2, 3}, {{}},
     #{}, #{a => 1}, #{a => 2}, #{b => 0}, #{1 => a}, #{1.0 => a}, #{<<"a">> => 1}, #{<<"b">> => 1}, #{a => 1, b => 2}, #{a => 1.0}, #{1 => x, 1.0 => y}, #{2 => x, 0.5 => y}, #{[1] => a}, #{[1.0] => a},
     [], [a], [a, b], [b], [[]], [a | b], [a | []], [a, b | c], [a | 1], [a | {}], [1, 2], [1, 2, 3], "abc", [1.0], [a | <<1>>], [$a | $b], [0, 300],
     <<>>, <<"a">>, <<"b">>, <<"ab">>, <<255>>, <<1:1>>, <<0:1>>, <<1:2>>, <<"a", 0:3>>, <<"a", 5:3>>, <<255, 7:3>>, <<127:7>>, <<16#e9/utf8>>, <<16#ffff/utf8>>, <<16#1f600/utf8>>, <<96:7>>].
