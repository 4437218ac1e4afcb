#!/usr/bin/env python3
"""Makes seeded RTP arrival traces: make_traces.py N_PACKETS SEED FOLDER

FOLDER/NAME.csv has a line `arrival_ms,seq` per arrival, in the order of time; 0 is the instant packet 0
was sent, packets that are lost do not appear. FOLDER/NAME.json has the parameters and what was measured."""
import sys, os, json, numpy as np
N=int(sys.argv[1]); SEED=int(sys.argv[2]) if len(sys.argv)>2 else 7
OUT=sys.argv[3] if len(sys.argv)>3 else 'traces'
BASE=53.3          # minimum one-way transit, ms
os.makedirs(OUT,exist_ok=True)
def gilbert(rng,n,p,burst):
    r=1/burst; q=p*r/(1-p); bad=False; o=np.zeros(n,bool)
    u=rng.random(n)
    for i in range(n):
        bad = (u[i]>=r) if bad else (u[i]<q); o[i]=bad
    return o
def jit_gamma(rng,n,mean):
    """queueing delay, Gamma(k=2): mean=MEAN, sd=0.71*MEAN, p99=3.3*MEAN"""
    return np.zeros(n) if mean==0 else rng.gamma(2.0,mean/2.0,n)
def make(name,loss=0,burst=0,jit=0,fifo=True,drift=0,special=None,stream='plain'):
    rng=np.random.default_rng([SEED,abs(hash_(name))])
    send=np.arange(N)*20.0*(1-drift*1e-6)          # drift>0: sender clock runs fast
    lost=gilbert(rng,N,loss,burst) if burst else rng.random(N)<loss
    d=BASE+jit_gamma(rng,N,jit)
    if special=='netem': d=BASE+np.abs(rng.normal(0,jit,N)) ; fifo=False
    if special=='step':                             # route change +120 ms between 25 s and 55 s
        d=d+np.where((send>=25000)&(send<55000),120.0,0)
    if special=='spike':                            # Wi-Fi: every ~8 s the link stalls 100..400 ms then drains
        t=4000.0
        while t<send[-1]:
            w=rng.uniform(100,400); m=(send>=t)&(send<t+w); d[m]=np.maximum(d[m],BASE+(t+w-send[m])); t+=rng.uniform(6000,10000)
    if special=='lte':                              # packets are released in groups every 60 ms
        a=send+d; a=np.ceil(a/60.0)*60.0; d=a-send
    if special=='outage':                           # 2 s hole at 30 s, 0.5 s hole at 50 s
        lost|=((send>=30000)&(send<32000))|((send>=50000)&(send<50500))
    if special=='warm': d=np.where(send<20000,BASE+rng.gamma(2.0,30.0,N),d)   # bad first 20 s, then clean: does the delay come back down?
    a=send+d
    if fifo: a=np.maximum.accumulate(a+np.arange(N)*1e-6)
    rows=[(a[i],i) for i in range(N) if not lost[i]]
    if special=='dup': rows+=[(a[i]+rng.uniform(0,30),i) for i in range(N) if not lost[i] and rng.random()<0.05]
    rows.sort()
    with open(f'{OUT}/{name}.csv','w') as f:
        for t,i in rows: f.write(f'{t:.3f},{i}\n')
    tr=np.array([a[i]-send[i] for i in range(N) if not lost[i]]); D=np.abs(np.diff(tr)); J=0.0
    for x in D: J+=(x-J)/16
    runs=[];c=0
    for l in lost:
        if l:c+=1
        elif c: runs.append(c);c=0
    q=tr-tr.min()
    json.dump(dict(name=name,n=N,base_ms=BASE,seed=SEED,loss=loss,burst=burst,jit=jit,fifo=fifo,drift_ppm=drift,special=special,stream=stream,
      measured=dict(loss=round(float(lost.mean()),4),mean_burst=round(float(np.mean(runs)) if runs else 0,2),queue_p50=round(float(np.percentile(q,50)),1),queue_p95=round(float(np.percentile(q,95)),1),queue_p99=round(float(np.percentile(q,99)),1),rfc3550_jitter_ms=round(float(J),1))),open(f'{OUT}/{name}.json','w'))
def hash_(s):
    h=2166136261
    for c in s.encode(): h=((h^c)*16777619)&0xffffffff
    return h
for L in (0,1,5,10,20):
    for j in (0,20,60): make(f'u{L}_j{j}',loss=L/100,jit=j)
for L in (5,10,20): make(f'g{L}_j20',loss=L/100,burst=3.0,jit=20)
make('g10_j0',loss=.10,burst=3.0,jit=0)
make('g10_j60',loss=.10,burst=3.0,jit=60)
make('netem_j20_u1',loss=.01,jit=20,special='netem')
make('step_j10_u1',loss=.01,jit=10,special='step')
make('spike_j5_u1',loss=.01,jit=5,special='spike')
make('lte60_u1',loss=.01,jit=5,special='lte')
make('outage_j10',jit=10,special='outage')
make('warm_j0',jit=0,special='warm')
make('dup_j20_u1',loss=.01,jit=20,special='dup')
make('drift+300_j5',jit=5,drift=300)
make('drift-300_j5',jit=5,drift=-300)
