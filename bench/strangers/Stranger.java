import com.ericsson.otp.erlang.*;
import java.io.*;

/**
 * Jinterface in the benchmarks: the exchange of bench_beam.erl, in Java. Args: own name, cookie. Reads one order a line
 * and answers each with a line: microseconds, `ok`, or `failed: why`.
 *
 *   one_way NODE COUNT   COUNT small messages to the name `sink` there
 *   calls NODE COUNT     COUNT calls of the name `adder` there, one after the other
 *   sink                 `listening` at once, `ok` when the messages that somebody announced to our `sink` have come
 *   close                nothing: its connections are kept by threads of the library
 */
public class Stranger {
    static final OtpErlangAtom MSG = new OtpErlangAtom("msg");
    static final OtpErlangAtom GEN_CALL = new OtpErlangAtom("$gen_call");
    static final OtpErlangAtom ADD = new OtpErlangAtom("add");

    static OtpErlangTuple tuple(OtpErlangObject... elements) {
        return new OtpErlangTuple(elements);
    }

    static OtpErlangTuple next(OtpMbox box) throws Exception {
        return (OtpErlangTuple) box.receive();
    }

    static void expect(boolean held, String what) {
        if (!held) throw new IllegalStateException(what);
    }

    static long oneWay(OtpMbox box, String node, long count) throws Exception {
        box.send("sink", node, tuple(new OtpErlangAtom("start"), box.self(), new OtpErlangLong(count)));
        OtpErlangPid sink = (OtpErlangPid) next(box).elementAt(1);
        long start = System.nanoTime();
        for (long i = 1; i <= count; i++) box.send(sink, tuple(MSG, new OtpErlangLong(i)));
        OtpErlangTuple done = next(box);
        expect(done.elementAt(0).equals(new OtpErlangAtom("done")), "the sink says " + done);
        return (System.nanoTime() - start) / 1000;
    }

    /** Jinterface has no gen_server:call: a request and its answer, without the monitor that one has. */
    static long calls(OtpMbox box, OtpNode self, String node, long count) throws Exception {
        long start = System.nanoTime();
        for (long i = 1; i <= count; i++) {
            OtpErlangRef tag = self.createRef();
            box.send("adder", node, tuple(GEN_CALL, tuple(box.self(), tag), tuple(ADD, new OtpErlangLong(i))));
            OtpErlangTuple answer = next(box);
            expect(answer.elementAt(0).equals(tag), "an answer to something else: " + answer);
            expect(((OtpErlangLong) answer.elementAt(1)).longValue() == i + 1, i + " + 1 came back as " + answer);
        }
        return (System.nanoTime() - start) / 1000;
    }

    static void sink(OtpMbox sink) throws Exception {
        OtpErlangTuple start = next(sink);
        OtpErlangPid from = (OtpErlangPid) start.elementAt(1);
        long count = ((OtpErlangLong) start.elementAt(2)).longValue();
        sink.send(from, tuple(new OtpErlangAtom("ready"), sink.self()));
        for (long i = 1; i <= count; i++) {
            OtpErlangTuple message = next(sink);
            boolean right = message.elementAt(0).equals(MSG) && ((OtpErlangLong) message.elementAt(1)).longValue() == i;
            if (!right) sink.send(from, tuple(new OtpErlangAtom("bad"), new OtpErlangLong(i), message));
            expect(right, "expected message " + i + " and got " + message);
        }
        sink.send(from, tuple(new OtpErlangAtom("done"), new OtpErlangLong(count)));
    }

    public static void main(String[] args) throws Exception {
        OtpNode self = new OtpNode(args[0], args[1]);
        OtpMbox box = self.createMbox();
        OtpMbox sink = self.createMbox("sink");
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in));
        for (String line = orders.readLine(); line != null; line = orders.readLine()) {
            String[] order = line.split(" ");
            try {
                switch (order[0]) {
                    case "one_way" -> System.out.println(oneWay(box, order[1], Long.parseLong(order[2])));
                    case "calls" -> System.out.println(calls(box, self, order[1], Long.parseLong(order[2])));
                    case "sink" -> {
                        System.out.println("listening");
                        sink(sink);
                        System.out.println("ok");
                    }
                    case "close" -> System.out.println("ok");
                    default -> throw new IllegalArgumentException("unknown order " + line);
                }
            } catch (Exception error) {
                System.out.println("failed: " + error);
            }
        }
        System.exit(0);
    }
}
