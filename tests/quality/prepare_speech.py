#!/usr/bin/env python3
"""Builds the reference speech: prepare_speech.py ROOT FOLDER

ROOT is where the Debian packages were unpacked (setup.sh). Writes FOLDER/speech48.wav (48 kHz mono, six
segments of some ten seconds, all real human recordings), FOLDER/speech8.wav and FOLDER/speech.json.
Sources:
  linphone-common                /usr/share/sounds/linphone/hello16000.wav         16 kHz
  codec2-examples                /usr/share/codec2/raw/speech_orig_16k.wav         16 kHz
  pocketsphinx-testdata          librivox, Sense and Sensibility                   16 kHz
  asterisk-core-sounds-en-g722   Allison Smith's prompts (CC-BY-SA)                16 kHz (G.722)
  alsa-utils                     /usr/share/sounds/alsa                            48 kHz
Nothing of the recordings is kept in the repository."""
import sys
ROOT, FOLDER = sys.argv[1], sys.argv[2]
import numpy as np, soundfile as sf, subprocess, json, glob, os
from scipy.signal import resample_poly
def load(p):
    x,sr=sf.read(p,dtype='float64'); 
    if x.ndim>1:x=x[:,0]
    return x,sr
def g722(p):
    import av
    with av.open(p,format='g722') as c:
        x=np.concatenate([f.to_ndarray().reshape(-1) for f in c.decode(audio=0)])
    return x/32768.0,16000
def to48(x,sr):
    return x if sr==48000 else resample_poly(x,48000//sr,1,window=('kaiser',8.0))
def active_rms(x,sr):
    n=sr//50; f=x[:len(x)//n*n].reshape(-1,n); e=(f**2).mean(1); thr=e.max()*10**(-3.5)
    return np.sqrt(e[e>thr].mean())
A=ROOT+'/usr/share/asterisk/sounds/en_US_f_Allison/'
L=ROOT+'/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-'
segs=[('linphone',[(ROOT+'/usr/share/sounds/linphone/hello16000.wav',load)]),
 ('codec2',[(ROOT+'/usr/share/codec2/raw/speech_orig_16k.wav',load)]),
 ('librivoxA',[(L+'0870.wav',load),(L+'0880.wav',load)]),
 ('librivoxB',[(L+'0890.wav',load),(L+'0920.wav',load)]),
 ('allison',[(A+n+'.g722',g722) for n in ('agent-alreadyon','agent-incorrect','conf-invalid','auth-incorrect')]),
 ('alsa48k',[(ROOT+'/usr/share/sounds/alsa/%s.wav'%n,load) for n in ('Front_Center','Front_Left','Rear_Center','Side_Left','Front_Right','Rear_Left','Side_Right','Rear_Right')]),
]
out=[np.zeros(48000//2)]; pos=24000; man=[]
for name,fs in segs:
    parts=[]
    for p,fn in fs:
        x,sr=fn(p); y=to48(x,sr); parts+= [y,np.zeros(4800)]
    y=np.concatenate(parts); y=y*(10**(-26/20))/active_rms(y,48000)   # -26 dBov active level, as ITU-T P.830
    pk=abs(y).max(); 
    if pk>0.95: y*=0.95/pk
    pad=(-len(y))%960; y=np.concatenate([y,np.zeros(pad)])
    man.append(dict(name=name,start=pos,len=len(y))); out.append(y); pos+=len(y)
    gap=np.zeros(24000); out.append(gap); pos+=24000
x=np.concatenate(out); x=np.concatenate([x,np.zeros((-len(x))%960+960*50)])
# very low level dither so that digital silence does not trip DTX/VAD oddities
rng=np.random.default_rng(1); x=x+rng.normal(0,1.0/32768,len(x))
sf.write(FOLDER+'/speech48.wav',np.clip(np.round(x*32768),-32768,32767).astype(np.int16),48000,subtype='PCM_16')
json.dump(dict(rate=48000,total=len(x),segments=man),open(FOLDER+'/speech.json','w'),indent=1)
y=resample_poly(x,1,6,window=('kaiser',8.0))
sf.write(FOLDER+'/speech8.wav',np.clip(np.round(y*32768),-32768,32767).astype(np.int16),8000,subtype='PCM_16')
print('%.1f s of speech'%(len(x)/48000))
